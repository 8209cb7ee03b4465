import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparedCurvesFigure } from '../../src/figures/compared-curves.js';
import { checkFigure } from './golden.js';

const run = (label: string, values: readonly number[], hidden = false) => ({
  ...{ label, hidden },
  points: values.map((y, i) => ({ x: i + 1, y })),
});
const groups = (hidden: boolean) => [
  {
    ...{ label: 'CIARD', method: 'ciard', marked: [2] },
    runs: [run('replicate 0', [0.2, 0.4, 0.5], hidden), run('replicate 1', [0.3, 0.5, 0.52])],
  },
  { label: 'PGD-AT', method: 'pgd-at', runs: [run('replicate 0', [0.25, 0.3, 0.4])] },
];

test('curves of several methods: mean, band of one deviation, single runs', async () => {
  const figure = comparedCurvesFigure(groups(false), { quantity: 'Held-out accuracy', marks: 'ITT' });
  const mean = figure.data.find(({ name }) => name === 'CIARD (2)')!;
  assert.deepEqual(mean.y, [25, 45, 51]);
  const [low, high] = figure.data.filter(({ line }) => line?.width === 0);
  assert.ok(Math.abs((high!.y as number[])[0]! - 25 - 100 * (0.1 / Math.SQRT2)) < 1e-3);
  assert.ok((low!.y as number[])[0]! < 25);
  await checkFigure('compared-curves', figure);
});

test('a hidden run is not drawn, and its mean is as it was', () => {
  const [all, some] = [false, true].map((hidden) => comparedCurvesFigure(groups(hidden), { quantity: 'Accuracy' }));
  const meanOf = (figure: typeof all) => figure!.data.find(({ name }) => name === 'CIARD (2)')!.y;
  assert.deepEqual(meanOf(all), meanOf(some));
  assert.equal(all!.data.length, some!.data.length + 1);
});

test('a teacher is drawn in its student’s colour, with a dash and a symbol of its own', () => {
  const [own, other] = groups(false);
  const figure = comparedCurvesFigure([own!, { ...own!, label: 'CIARD: its teacher', isSecond: true }, other!], {
    quantity: 'Accuracy',
  });
  const [student, teacher] = ['CIARD (2)', 'CIARD: its teacher (2)'].map((name) =>
    figure.data.find((trace) => trace.name === name)!,
  );
  assert.equal(student!.line?.color, teacher!.line?.color);
  assert.notEqual(student!.line?.dash, teacher!.line?.dash);
  assert.notEqual(student!.marker?.symbol, teacher!.marker?.symbol);
  // It takes no look from those that come after it.
  const alone = comparedCurvesFigure([own!, other!], { quantity: 'Accuracy' });
  const pgdAt = (data: typeof figure.data) => data.find(({ name }) => name === 'PGD-AT (1)')?.marker;
  assert.deepEqual(pgdAt(figure.data), pgdAt(alone.data));
});
