import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackAccuracyFigure } from '../../src/figures/attack-accuracy.js';
import { cleanRobustFigure } from '../../src/figures/clean-robust.js';
import { epsilonCurveFigure } from '../../src/figures/epsilon-curve.js';
import { networkStyles } from '../../src/figures/network-style.js';
import { publishedMethods } from '../methods/published-methods.js';

const looks = (...labels: string[]): string[] =>
  networkStyles(labels.map((label) => ({ label }))).map((style) => JSON.stringify(style));

test('every method of the library has a look of its own', () => {
  assert.equal(new Set(looks(...publishedMethods)).size, publishedMethods.length);
});

test('a method looks the same whatever stands beside it, and in whatever order', () => {
  const together = looks(...publishedMethods);
  publishedMethods.forEach((name, i) => {
    assert.deepEqual(looks(name), [together[i]], name);
    assert.equal(looks('another', name)[1], together[i], name);
    assert.equal(looks(name.toUpperCase(), 'another', 'and another')[0], together[i], name);
  });
});

test('what is not known takes what is free, a colour of its own first', () => {
  const styles = networkStyles([{ label: 'mine' }, { label: 'CIARD' }, { label: 'natural' }, { label: 'yours' }]);
  assert.equal(new Set(styles.map(({ colour }) => colour)).size, 4);
  const many = looks(...Array.from({ length: 8 }, (_, i) => `network ${i}`), 'ciard', 'pgd-at');
  assert.equal(new Set(many).size, many.length);
});

test('a second network of a method has its colour and another look', () => {
  const [teacher, student] = networkStyles([
    { label: 'robust teacher', method: 'pgd-at' },
    { label: 'PGD-AT', method: 'pgd-at' },
  ]);
  assert.equal(teacher!.colour, student!.colour);
  assert.notEqual(teacher!.symbol, student!.symbol);
  assert.notEqual(teacher!.fill, student!.fill);
});

test('a network has one colour in every figure', () => {
  const half = { value: 0.5 };
  const networks = ['PGD-AT', 'CIARD', 'clean teacher', 'mine'];
  const figures = [
    cleanRobustFigure(
      networks.map((label) => ({ label, clean: half, robust: half })),
      { attack: 'PGD-20' },
    ),
    attackAccuracyFigure(networks.map((label) => ({ label, attacks: { clean: half } }))),
    epsilonCurveFigure(
      networks.map((label) => ({ label, points: [{ epsilon: 0, accuracy: half }] })),
      { attack: 'PGD-20' },
    ),
  ];
  const colours = figures.map(({ data }) =>
    data.map(({ type, marker }) => (type === 'bar' ? marker?.line?.color : marker?.color)),
  );
  assert.equal(new Set(colours[0]).size, networks.length);
  assert.deepEqual(colours[1], colours[0]);
  assert.deepEqual(colours[2], colours[0]);
});
