import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallelCoordinatesFigure } from '../../src/figures/parallel-coordinates.js';
import { checkFigure } from './golden.js';

const axes = ['pushWeight', 'pushRule', 'Clean'];
const lines = [
  { label: 'CIARD', method: 'ciard', values: [0.1, 'adaptive', 80] },
  { label: 'CIARD, fixed', method: 'ciard', values: [2, 'fixed', 76] },
  { label: 'PGD-AT', method: 'pgd-at', values: [undefined, undefined, 78] },
];

test('parallel coordinates: numbers between their ends, names side by side, a gap for what is not there', async () => {
  const figure = parallelCoordinatesFigure(axes, lines);
  const drawn = (label: string): unknown => figure.data.find(({ name }) => name === label)?.y;
  assert.deepEqual(drawn('CIARD'), [0, 0, 1]);
  assert.deepEqual(drawn('CIARD, fixed'), [1, 1, 0]);
  assert.deepEqual(drawn('PGD-AT'), [null, null, 0.5]);
  await checkFigure('parallel-coordinates', figure);
});

test('one value stands in the middle; more lines than looks have no legend', () => {
  const { data, layout } = parallelCoordinatesFigure(
    ['a'],
    Array.from({ length: 13 }, (_, i) => ({ label: `${i}`, values: [3] })),
  );
  assert.deepEqual(data.find(({ name }) => name === '0')?.y, [0.5]);
  assert.equal(layout.showlegend, false);
});
