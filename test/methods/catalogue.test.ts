import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { findMethod, methods } from '../../src/methods/catalogue.js';
import { rateAt } from '../../src/methods/schedule.js';

test('every method of the tables is found by its name', () => {
  const names = [
    'natural',
    'pgd-at',
    'trades',
    'ard',
    'iad',
    'rslad',
    'adaad',
    'mtard',
    'b-mtard',
    'ciard',
    'ciard-code',
  ];
  assert.deepEqual(
    methods.map(({ name }) => name),
    names,
  );
  for (const name of names) assert.equal(findMethod(name).name, name);
});

test('a name that is not known is an error that lists those that are', () => {
  assert.throws(
    () => findMethod('ciardd'),
    (error) => error instanceof UserError && methods.every(({ name }) => error.message.includes(name)),
  );
});

test('the published schedules', () => {
  for (const [name, epochs, weightDecay, rates] of [
    [
      'trades',
      76,
      2e-4,
      [
        [74, 0.1],
        [75, 0.01],
        [76, 0.01],
      ],
    ],
    [
      'pgd-at',
      110,
      5e-4,
      [
        [99, 0.1],
        [100, 0.01],
        [105, 0.001],
      ],
    ],
    [
      'ard',
      200,
      2e-4,
      [
        [99, 0.1],
        [100, 0.01],
        [150, 0.001],
      ],
    ],
    [
      'iad',
      200,
      2e-4,
      [
        [99, 0.1],
        [100, 0.01],
        [150, 0.001],
      ],
    ],
    [
      'adaad',
      200,
      5e-4,
      [
        [99, 0.1],
        [100, 0.01],
        [150, 0.001],
      ],
    ],
    [
      'rslad',
      300,
      2e-4,
      [
        [214, 0.1],
        [215, 0.01],
        [260, 0.001],
        [285, 0.0001],
      ],
    ],
    [
      'mtard',
      300,
      2e-4,
      [
        [214, 0.1],
        [215, 0.01],
        [260, 0.001],
        [285, 0.0001],
      ],
    ],
    [
      'b-mtard',
      300,
      2e-4,
      [
        [214, 0.1],
        [215, 0.01],
        [260, 0.001],
        [285, 0.0001],
      ],
    ],
  ] as const) {
    const { recipe } = findMethod(name);
    assert.equal(recipe.epochs, epochs, name);
    assert.equal(recipe.writtenFor, epochs, name);
    assert.equal(recipe.batchSize, 128, name);
    assert.equal(recipe.optimiser.momentum, 0.9, name);
    assert.equal(recipe.optimiser.weightDecay, weightDecay, name);
    for (const [epoch, rate] of rates) {
      assert.ok(Math.abs(rateAt(recipe.optimiser.learningRate, epoch) - rate) < 1e-9, `${name}, epoch ${epoch}`);
    }
  }
});

test('the published inner maximisations', () => {
  for (const [name, start, mode, epsilon, stepSize] of [
    ['trades', 'gaussian', 'evaluation', 0.031, 0.007],
    ['pgd-at', 'uniform', 'evaluation', 8 / 255, 2 / 255],
    ['ard', 'uniform', 'training', 8 / 255, 2 / 255],
    ['iad', 'uniform', 'training', 8 / 255, 2 / 255],
    ['rslad', 'gaussian', 'evaluation', 8 / 255, 2 / 255],
    ['adaad', 'gaussian', 'evaluation', 8 / 255, 2 / 255],
    ['mtard', 'gaussian', 'evaluation', 8 / 255, 2 / 255],
    ['b-mtard', 'gaussian', 'evaluation', 8 / 255, 2 / 255],
    ['ciard', 'gaussian', 'evaluation', 8 / 255, 2 / 255],
    ['ciard-code', 'gaussian', 'evaluation', 8 / 255, 2 / 255],
  ] as const) {
    const { recipe, ascend } = findMethod(name);
    assert.ok(ascend, name);
    assert.deepEqual(recipe.attack, { start, steps: 10, stepSize, epsilon, mode }, name);
  }
  assert.equal(findMethod('natural').ascend, undefined);
});
