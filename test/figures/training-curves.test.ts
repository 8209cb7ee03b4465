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
  const teacher = trainingCurvesFigure([...history, late]).data.find(({ name }) => name === 'teacher')!;
  assert.deepEqual(teacher.y, [...history.map(() => null), 1]);
  assert.equal(teacher.mode, 'lines+markers', 'alone among gaps it is a point');
});
