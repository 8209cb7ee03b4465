import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ciardCode } from '../../src/methods/ciard.js';
import { natural } from '../../src/methods/natural.js';
import { applyRecipeFile, changeRecipe, checkRecipe } from '../../src/training/recipe.js';

test('changes replace what they name and keep the rest', () => {
  const changed = changeRecipe(ciardCode.recipe, {
    epochs: 3,
    optimiser: { weightDecay: 0 },
    attack: { steps: 2 },
    settings: { push: 0 },
  });
  assert.deepEqual(changed, {
    ...ciardCode.recipe,
    epochs: 3,
    optimiser: { ...ciardCode.recipe.optimiser, weightDecay: 0 },
    attack: { ...ciardCode.recipe.attack, steps: 2 },
    settings: { push: 0 },
  });
  assert.equal('teacherOptimiser' in changeRecipe(natural.recipe, {}), false);
});

test('the published recipes are sound', () => {
  for (const { recipe, name } of [natural, ciardCode]) assert.equal(checkRecipe(recipe, name), recipe);
});

test('a recipe file that does not fit is refused, field by field', () => {
  assert.throws(
    () => applyRecipeFile(natural.recipe, { epochs: 1.5, batchsize: 3, optimiser: { momentum: 2 } }, 'r.json'),
    (error: Error) =>
      error.name === 'UserError' &&
      error.message.includes('r.json') &&
      ['epochs', 'batchsize', 'momentum'].every((field) => error.message.includes(field)),
  );
  assert.throws(() => applyRecipeFile(natural.recipe, [1], 'r.json'), /r\.json: a recipe is an object/);
});
