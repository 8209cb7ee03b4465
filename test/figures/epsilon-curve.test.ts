import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epsilonCurveFigure } from '../../src/figures/epsilon-curve.js';
import { checkFigure } from './golden.js';

test('accuracy by radius: radii in steps of a byte, in their order', async () => {
  const series = ['natural', 'CIARD'].map((label, i) => ({
    label,
    points: [16, 0, 8, 2, 4].map((steps) => {
      const value = 0.9 * Math.exp(-steps / (1 + 15 * i));
      return { epsilon: steps / 255, accuracy: { value, interval: [0.98 * value, 0.98 * value + 0.02] as const } };
    }),
  }));
  const figure = epsilonCurveFigure(series, { attack: 'PGD-20' });
  assert.deepEqual(figure.data[0]!.x, [0, 2, 4, 8, 16]);
  await checkFigure('epsilon-curve', figure);
});
