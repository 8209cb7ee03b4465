import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { packOutcome } from '../../src/evaluation/outcome-bits.js';
import { coordinatesFigure, courseFigure, settingFigure, trainingFigure } from '../../src/experiments/figures.js';
import { findGrid } from '../../src/experiments/grids.js';
import type { MeasuredRow } from '../../src/experiments/results.js';
import { settingOf } from '../../src/experiments/setting.js';
import type { CellRecord } from '../../src/results/cell-record.js';

const total = 200;
const evaluated = (correct: number): CellRecord =>
  ({
    evaluation: { correct, total, outcome: packOutcome(Uint8Array.from({ length: total }, (_, i) => +(i < correct))) },
  }) as unknown as CellRecord;

/** What a row reached: clean accuracy falls by ten images for each unit of push weight, and rises by one a replicate. */
const cleanOf = ({ replicate, train }: Pick<MeasuredRow, 'replicate' | 'train'>): number =>
  150 - 10 * Number(train.recipe.settings['pushWeight']) + replicate;

const trained = ({ replicate }: { readonly replicate: number }, epochs = 3): CellRecord =>
  ({
    training: {
      history: Array.from({ length: epochs }, (_, i) => ({
        epoch: i + 1,
        learningRate: 0.1,
        terms: { loss: 1 / (i + 1) },
        retrained: i === 1 ? 20 : 0,
        validation: { clean: 0.5 + i / 10, robust: 0.3 + replicate / 100, teacherRobust: 0.6 - i / 10 },
      })),
      best: { epoch: 3, score: 1 },
    },
  }) as unknown as CellRecord;

const rowsOf = async (name: string): Promise<MeasuredRow[]> =>
  findGrid(name)
    .rows(await settingOf('quick'))
    .map((row) => ({
      ...row,
      training: trained(row),
      measured: { clean: evaluated(cleanOf(row)), 'pgd-sat': evaluated(80) },
    }));

test('accuracy against a setting: rows that differ in it alone, means over replicates with their deviation', async () => {
  const rows = await rowsOf('ablation-push');
  const figure = settingFigure(
    rows.filter(({ train }) => train.recipe.settings['pushRule'] === 'fixed'),
    'pushWeight',
  );
  const [clean, robust] = figure.data as unknown as { x: number[]; y: number[]; error_y: { array: number[] } }[];
  assert.deepEqual(clean!.x, [0.1, 0.5, 1, 2]);
  assert.deepEqual(
    clean!.y.map((value) => Number(value.toFixed(2))),
    [0.1, 0.5, 1, 2].map((weight) => (151 - 10 * weight) / 2),
  );
  // Replicates 0, 1, 2 are one image of 200 apart.
  for (const deviation of clean!.error_y.array) assert.ok(Math.abs(deviation - 0.5) < 1e-6);
  assert.deepEqual(new Set(robust!.y), new Set([40]));

  const { subtitle } = figure.layout.title as { subtitle: { text: string } };
  assert.match(subtitle.text, /whiskers: one standard deviation over replicates$/);

  // The temperature was tried at CIARD's own weight, which is not a fixed one.
  const temperatures = settingFigure(rows, 'pushTemperature').data[0] as { x: number[] };
  assert.deepEqual(temperatures.x, [1, 2, 5, 10]);
  assert.throws(() => settingFigure(rows, 'warmUp'), UserError);
  assert.throws(() => settingFigure(rows, 'nosuch'), UserError);
});

test('courses by epoch, a curve a row with the epochs of ITT ringed', async () => {
  const rows = await rowsOf('degradation');
  const figure = courseFigure(rows, 'teacher');
  const means = figure.data.filter(({ mode, name }) => mode === 'lines+markers' && name !== undefined);
  assert.deepEqual(
    means.map(({ name, y }) => [name, (y as number[]).map(Math.round)]),
    [
      ['CIARD (3)', [60, 50, 40]],
      ['CIARD without ITT (3)', [60, 50, 40]],
    ],
  );
  const rings = figure.data.filter(({ mode }) => mode === 'markers');
  assert.ok(rings.every(({ x }) => (x as number[]).length === 1 && (x as number[])[0] === 2));
  assert.equal(rings.length, 2);
});

test('settings and accuracies side by side, a line a row', async () => {
  const figure = coordinatesFigure(await rowsOf('ablation-push'), ['pushRule', 'pushWeight']);
  const lines = figure.data.filter(({ mode, name }) => mode === 'lines+markers' && name !== undefined);
  assert.equal(lines.length, new Set((await rowsOf('ablation-push')).map(({ title }) => title)).size);
  assert.deepEqual((lines[0] as { x: string[] }).x, ['pushRule', 'pushWeight', 'Clean (%)', 'PGD-20 (sat) (%)']);
});

test('curves of one training; one that is not there is named', async () => {
  const rows = await rowsOf('degradation');
  assert.ok(trainingFigure(rows, 'ciard', 1).data.length > 0);
  assert.throws(() => trainingFigure(rows, 'ciard', 7), /replicate 7 of ciard is not trained/);
  assert.throws(() => trainingFigure(rows, 'mtard'), /no row mtard is trained/);
});
