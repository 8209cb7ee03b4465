import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wilsonInterval } from '../../src/evaluation/interval.js';
import { cleanRobustFigure, paretoFront, type CleanRobustPoint } from '../../src/figures/clean-robust.js';
import { checkFigure } from './golden.js';

const total = 1000;
const measured = (correct: number): { value: number; interval: [number, number] } => ({
  value: correct / total,
  interval: wilsonInterval(correct, total),
});

const points: CleanRobustPoint[] = [
  { label: 'clean teacher', method: 'natural', group: 'teacher', clean: measured(930), robust: measured(0) },
  { label: 'robust teacher', method: 'pgd-at', group: 'teacher', clean: measured(840), robust: measured(520) },
  { label: 'Natural training', method: 'natural', group: 'student', clean: measured(910), robust: measured(1) },
  { label: 'PGD-AT', method: 'pgd-at', group: 'student', clean: measured(800), robust: measured(480) },
  { label: 'CIARD', method: 'ciard', group: 'student', clean: measured(860), robust: measured(500) },
];

test('clean against robust accuracy: groups with their intervals', async () => {
  const figure = cleanRobustFigure(points, {
    title: 'Students and their teachers',
    subtitle: '1,000 test images',
    attack: 'PGD-20',
    epsilon: '8/255',
  });
  assert.equal(figure.layout.yaxis?.title?.text, 'Accuracy under PGD-20, ε = 8/255 (%)');
  assert.deepEqual(
    figure.data.filter(({ showlegend }) => showlegend !== false).map(({ name }) => name),
    ['teacher', 'student'],
  );
  const subtitle = figure.layout.title?.subtitle as { text: string };
  assert.equal(subtitle.text, '1,000 test images; whiskers: 95 % intervals');
  const svg = await checkFigure('clean-robust', figure);
  for (const { label } of points) assert.match(svg, new RegExp(`>${label}<`));
});

test('the error bars end where the interval ends', () => {
  const { data } = cleanRobustFigure([points[4]!], { attack: 'PGD-20' });
  const { x, error_x } = data[0]!;
  assert.ok(error_x?.type === 'data' && error_x.symmetric === false);
  const value = (x as number[])[0]!;
  const [low, high] = wilsonInterval(860, total);
  assert.ok(Math.abs(value - Number(error_x.arrayminus![0]) - 100 * low) < 0.002);
  assert.ok(Math.abs(value + Number(error_x.array[0]) - 100 * high) < 0.002);
});

test('one group needs no legend, and no interval no bars', () => {
  const { layout, data } = cleanRobustFigure([{ label: 'a', clean: { value: 0.5 }, robust: { value: 0.25 } }], {
    attack: 'FGSM',
  });
  assert.equal(layout.showlegend, false);
  assert.equal(layout.title?.subtitle, undefined);
  assert.ok(data[0]!.error_y?.type === 'data');
  assert.deepEqual(data[0]!.error_y.array, [0]);
});

test('the Pareto front joins what no other of its group beats in both', () => {
  const at = (label: string, clean: number, robust: number): CleanRobustPoint => ({
    ...{ label, clean: { value: clean }, robust: { value: robust } },
  });
  const some = [at('a', 0.9, 0.1), at('b', 0.8, 0.5), at('beaten', 0.7, 0.4), at('c', 0.6, 0.6), at('as b', 0.8, 0.3)];
  assert.deepEqual(
    paretoFront(some).map(({ label }) => label),
    ['c', 'b', 'a'],
  );
  const { data } = cleanRobustFigure(some, { attack: 'PGD-20', front: true, names: false });
  assert.deepEqual(data.find(({ name }) => name === 'Pareto front')?.x, [60, 80, 90]);
  assert.ok(data.every(({ mode }) => mode !== 'text+markers'));
});

test('a method has one colour: its variants their own symbols, other groups theirs', () => {
  const point = (label: string, method: string, group?: string) => ({
    ...{ label, method, group },
    clean: { value: 0.6 },
    robust: { value: 0.4 },
  });
  const markers = (points: ReturnType<typeof point>[]) =>
    cleanRobustFigure(points, { attack: 'PGD-20' })
      .data.filter(({ x }) => Array.isArray(x) && x[0] !== null)
      .map(({ marker }) => [marker?.color, marker?.symbol]);
  const [own, variant, other] = markers([
    point('CIARD', 'ciard'),
    point('CIARD without push', 'ciard'),
    point('CIARD (published code)', 'ciard-code'),
  ]);
  assert.equal(own![0], variant![0]);
  assert.notEqual(own![1], variant![1]);
  assert.notDeepEqual(variant, other);
  const [ours, theirs] = markers([point('PGD-AT', 'pgd-at', 'ours'), point('PGD-AT (paper)', 'pgd-at', 'published')]);
  assert.equal(ours![0], theirs![0]);
  assert.notEqual(ours![1], theirs![1]);
});
