import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ablationFigure } from '../../src/figures/ablation.js';
import { checkFigure } from './golden.js';

const measured = (value: number): { value: number; interval: [number, number] } => ({
  value,
  interval: [value - 0.02, value + 0.02],
});

test('an ablation of numbers: in their order, where they are', async () => {
  const figure = ablationFigure(
    [
      { label: 'Clean', points: [2, 0, 0.5].map((at) => ({ at, measured: measured(0.8 + 0.02 * at) })) },
      { label: 'PGD-20', points: [0, 0.5, 2].map((at) => ({ at, measured: measured(0.5 - 0.01 * at) })) },
    ],
    { setting: 'pushWeight', subtitle: 'CIARD' },
  );
  assert.deepEqual(figure.data[0]!.x, [0, 0.5, 2]);
  assert.deepEqual(figure.data[0]!.y, [80, 81, 84]);
  await checkFigure('ablation', figure);
});

test('an ablation of names: side by side, and what is switched off is called none', () => {
  const at = ['adaptive', null, 'fixed'];
  const figure = ablationFigure(
    [{ label: 'Clean', points: at.map((each) => ({ at: each, measured: measured(0.5) })) }],
    {
      setting: 'pushRule',
    },
  );
  assert.deepEqual(figure.data[0]!.x, ['adaptive', 'none', 'fixed']);
  assert.equal(figure.layout.xaxis?.type, 'category');
});
