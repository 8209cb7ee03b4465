import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { findMethod, methods } from '../../src/methods/catalogue.js';
import { publishedMethods } from './published-methods.js';

test('every method of the tables is found by its name', () => {
  const known = methods.map(({ name }) => name);
  // Others may stand among them.
  assert.deepEqual(
    known.filter((name) => (publishedMethods as readonly string[]).includes(name)),
    publishedMethods,
  );
  assert.equal(new Set(known).size, known.length, 'a name is one method');
  for (const name of publishedMethods) assert.equal(findMethod(name).name, name);
});

test('a name that is not known is an error that lists those that are', () => {
  assert.throws(
    () => findMethod('ciardd'),
    (error) => error instanceof UserError && methods.every(({ name }) => error.message.includes(name)),
  );
});

test('the published optimisers', () => {
  for (const { name, recipe } of publishedMethods.map(findMethod)) {
    const { momentum, weightDecay } = recipe.optimiser;
    const expected = name === 'pgd-at' || name === 'adaad' ? 5e-4 : 2e-4;
    assert.deepEqual([recipe.batchSize, momentum, weightDecay], [128, 0.9, expected], name);
  }
  for (const name of ['ciard', 'ciard-code']) {
    const { momentum, weightDecay } = findMethod(name).recipe.teacherOptimiser!;
    assert.deepEqual([momentum, weightDecay], [0.1, 2e-4], name);
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
