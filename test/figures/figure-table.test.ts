import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanRobustFigure } from '../../src/figures/clean-robust.js';
import { comparedCurvesFigure } from '../../src/figures/compared-curves.js';
import { tableOfFigure } from '../../src/figures/figure-table.js';
import { parallelCoordinatesFigure } from '../../src/figures/parallel-coordinates.js';
import { fullTitle, plainCell } from '../../src/tables/table.js';

const texts = (table: ReturnType<typeof tableOfFigure>) => table.rows.map((row) => row.map(plainCell));

test('points: both accuracies, and both intervals where there are any', () => {
  const point = { label: 'CIARD', clean: { value: 0.6, interval: [0.58, 0.63] as const }, robust: { value: 0.4 } };
  const table = tableOfFigure(cleanRobustFigure([point], { attack: 'PGD-20' }));
  assert.deepEqual(table.columns.map(fullTitle), [
    ...['Series', 'Clean accuracy (%)', 'Accuracy under PGD-20 (%)', 'below', 'above', 'left', 'right'],
  ]);
  assert.deepEqual(texts(table), [['CIARD', '60', '40', '–', '–', '2', '3']]);
});

test('curves: the deviation over replicates, and the epochs that are marked', () => {
  const run = (label: string, values: readonly number[]) => ({
    label,
    points: values.map((y, i) => ({ x: i + 1, y })),
  });
  const figure = comparedCurvesFigure(
    [
      { label: 'CIARD', marked: [2], runs: [run('replicate 0', [0.2, 0.4]), run('replicate 1', [0.2, 0.5])] },
      { label: 'PGD-AT', runs: [run('replicate 0', [0.3, 0.3])] },
    ],
    { quantity: 'Accuracy', marks: 'the teacher is trained' },
  );
  const rows = texts(tableOfFigure(figure));
  assert.deepEqual(
    rows.filter(([series]) => series === 'CIARD (2)'),
    [
      ['CIARD (2)', '1', '20', '0', '–'],
      ['CIARD (2)', '2', '45', '7.071', 'the teacher is trained'],
    ],
  );
  assert.deepEqual(
    rows.filter(([series]) => series === 'PGD-AT (1)'),
    [
      ['PGD-AT (1)', '1', '30', '–', '–'],
      ['PGD-AT (1)', '2', '30', '–', '–'],
    ],
  );
});

test('parallel coordinates: the values themselves, not where they stand', () => {
  const table = tableOfFigure(parallelCoordinatesFigure(['epochs'], [{ label: 'CIARD', values: [5] }]));
  assert.deepEqual(texts(table), [['CIARD', 'epochs', '5']]);
});
