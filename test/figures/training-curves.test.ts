import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingCurvesFigure } from '../../src/figures/training-curves.js';
import type { EpochRow } from '../../src/training/run-state.js';
import { checkFigure } from './golden.js';

const history: EpochRow[] = Array.from({ length: 10 }, (_, i) => ({
  epoch: i + 1,
  learningRate: 0.1,
  terms: { adversarial: 1.5 / (i + 1), natural: 0.5 / (i + 1), loss: 2 / (i + 1) },
  validation: i % 2 === 1 ? { clean: 0.2 + 0.05 * i, robust: 0.15 + 0.03 * i } : undefined,
}));

test('training curves: the loss first, accuracies where an epoch was validated, the chosen epoch ringed', async () => {
  const figure = trainingCurvesFigure(history, { title: 'ciard', epochs: 12, chosen: 8 });
  assert.deepEqual(
    figure.data.map(({ name }) => name),
    ['loss', 'adversarial', 'natural', 'clean accuracy', 'accuracy under attack', 'chosen: epoch 8'],
  );
  assert.deepEqual(figure.data[3]!.x, [2, 4, 6, 8, 10]);
  assert.deepEqual(figure.data[5]!.x, [8, 8]);
  await checkFigure('training-curves', figure);
});

test('a run that has not begun has axes, and one of one epoch a point', async () => {
  await checkFigure('training-curves-empty', trainingCurvesFigure([], { epochs: 12 }));
  const one = trainingCurvesFigure(history.slice(1, 2));
  assert.equal(one.data[0]!.mode, 'markers');
  await checkFigure('training-curves-one', one);
});

test('a term that only some epochs have leaves gaps', () => {
  const late: EpochRow = { epoch: 11, learningRate: 0.1, terms: { loss: 0.2, teacher: 1 } };
  const teacher = trainingCurvesFigure([...history, late]).data.find(({ name }) => name === "robust teacher's loss")!;
  assert.deepEqual(teacher.y, [...history.map(() => null), 1]);
  assert.equal(teacher.mode, 'lines+markers', 'alone among gaps it is a point');
});

const withTerms = (terms: (epoch: number) => EpochRow['terms']): EpochRow[] =>
  history.map((row) => ({ ...row, terms: { loss: 2 / row.epoch, ...terms(row.epoch) } }));

test('what has another unit than the loss has a panel of its own, with its axis', async () => {
  const figure = trainingCurvesFigure(
    withTerms((epoch) => ({
      adversarial: 1.2 / epoch,
      natural: 0.8 / epoch,
      weightAdversarial: 0.5 + 0.01 * epoch,
      weightNatural: 0.5 - 0.01 * epoch,
      temperatureAdversarial: 1 + 0.2 * epoch,
      temperatureNatural: 1 + 0.1 * epoch,
    })),
    { title: 'B-MTARD' },
  );
  const panelOf = (term: string): string => figure.data.find(({ name }) => name === term)!.yaxis!;
  assert.equal(panelOf('adversarial'), panelOf('loss'));
  assert.equal(new Set(['loss', 'weight adversarial', 'temperature natural', 'clean accuracy'].map(panelOf)).size, 4);
  await checkFigure('training-curves-units', figure);
});

test('shares are in per cent, and no two terms of a panel look alike', async () => {
  const figure = trainingCurvesFigure(
    withTerms((epoch) => ({
      adversarial: 1.2 / epoch,
      natural: 0.8 / epoch,
      push: 0.1,
      teacher: 1.4,
      own: 0.3,
      second: 0.2,
      wrong: 0.25,
    })),
    { title: 'CIARD' },
  );
  const wrong = figure.data.find(({ name }) => name === 'clean teacher is wrong')!;
  assert.equal((wrong.y as number[])[0], 25);
  const looks = figure.data.filter(({ yaxis }) => yaxis === 'y').map(({ line }) => `${line?.color} ${line?.dash}`);
  assert.equal(looks.length, 7);
  assert.equal(new Set(looks).size, 7);
  await checkFigure('training-curves-shares', figure);
});

test('what is of clean images, and what is of attacked ones, has one colour in every panel and every run', () => {
  const colours = (terms: EpochRow['terms']): Record<string, string> =>
    Object.fromEntries(
      trainingCurvesFigure(withTerms(() => terms)).data.map(({ name, line }) => [name ?? '', String(line?.color)]),
    );
  const first = colours({ natural: 1, adversarial: 1, weightNatural: 0.5, weightAdversarial: 0.5 });
  const second = colours({ push: 1, adversarial: 1, natural: 1 });
  for (const term of ['natural', 'adversarial']) assert.match(first[term]!, /^#/);
  assert.equal(first['natural'], first['clean accuracy']);
  assert.equal(first['weight natural'], first['natural']);
  assert.equal(second['natural'], first['natural']);
  assert.equal(second['adversarial'], first['adversarial']);
  assert.equal(first['weight adversarial'], first['accuracy under attack']);
});
