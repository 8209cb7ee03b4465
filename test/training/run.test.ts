import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMethod } from '../../src/methods/catalogue.js';
import { resolveRecipe } from '../../src/methods/recipe.js';
import { epochContext } from '../../src/training/run.js';
import { assertClose } from '../oracle.js';

test('a method sees the validations of its own epochs, each with its part of the run', () => {
  const recipe = resolveRecipe(findMethod('ciard'), { epochs: 12, naturalPrefix: 1 / 4, validation: { every: 2 } });
  const row = (epoch: number) => ({
    epoch,
    learningRate: 0.1,
    terms: {},
    ...(epoch % 2 === 0 ? { validation: { clean: 0.5, robust: epoch / 100 } } : {}),
  });
  const context = (epoch: number) =>
    epochContext({
      recipe,
      state: { epoch, history: Array.from({ length: epoch }, (_, i) => row(i + 1)) },
    });
  assert.equal(context(9).progress, 9 / 12);
  assert.deepEqual(context(3).validations, [], 'the natural prefix');
  const { validations } = context(8);
  assert.deepEqual(
    validations.map(({ epoch, robust }) => [epoch, robust]),
    [4, 6, 8].map((epoch) => [epoch, epoch / 100]),
  );
  assertClose(
    validations.map(({ part }) => part),
    [1 / 12, 2 / 12, 2 / 12],
    1e-9,
    'parts of the run',
  );
});
