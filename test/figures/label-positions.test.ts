import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelPositions } from '../../src/figures/label-positions.js';

const range = { x: [0, 100], y: [0, 100] } as const;
const label = (text: string, x: number, y: number, half = 0) => ({
  text,
  x,
  y,
  xEnds: [x - half, x + half] as const,
  yEnds: [y - half, y + half] as const,
});

test('a label with room stands above its point', () => {
  assert.deepEqual(labelPositions([label('alone', 50, 50)], range), ['top center']);
});

test('a label stays inside the plot and off its own error bars', () => {
  const [top] = labelPositions([label('at the top', 50, 99)], range);
  assert.equal(top, 'bottom center');
  const [right] = labelPositions([label('at the right end', 99.5, 50)], range);
  assert.match(right!, /left$/);
  const [barred] = labelPositions([label('barred', 50, 50, 20)], range);
  assert.match(barred!, /^(top|bottom) (left|right)$/);
});

test('labels of points that lie close together stand apart', () => {
  const places = labelPositions([label('first', 50, 50), label('second', 51, 51), label('third', 49, 51)], range);
  assert.equal(new Set(places).size, 3);
});
