import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methods } from '../../src/methods/catalogue.js';
import { ciard, ciardCode } from '../../src/methods/ciard.js';
import { iad } from '../../src/methods/iad.js';
import { natural } from '../../src/methods/natural.js';
import { resolveRecipe, type RecipeChanges } from '../../src/methods/recipe.js';

const refused = (run: () => unknown, ...parts: string[]): void => {
  assert.throws(run, (error: Error) => {
    assert.equal(error.name, 'UserError');
    for (const part of parts) assert.ok(error.message.includes(part), `${part} is missing in:\n${error.message}`);
    return true;
  });
};

test('changes replace what they name and keep the rest', () => {
  const changes: RecipeChanges = {
    epochs: 3,
    optimiser: { weightDecay: 0 },
    attack: { steps: 2 },
    settings: { pushWeight: 0 },
    averaging: { decay: 0.99 },
  };
  assert.deepEqual(resolveRecipe(ciardCode, changes), {
    ...ciardCode.recipe,
    epochs: 3,
    optimiser: { ...ciardCode.recipe.optimiser, weightDecay: 0 },
    attack: { ...ciardCode.recipe.attack, steps: 2 },
    settings: { ...ciardCode.recipe.settings, pushWeight: 0 },
    averaging: { decay: 0.99 },
  });
});

test('a schedule is replaced whole', () => {
  const learningRate = { kind: 'one-cycle', rate: 0.15, peak: 0.3 } as const;
  assert.deepEqual(resolveRecipe(natural, { optimiser: { learningRate } }).optimiser, {
    ...natural.recipe.optimiser,
    learningRate,
  });
  refused(() => resolveRecipe(natural, { optimiser: { learningRate: { rate: 0.1 } } }), 'optimiser.learningRate');
});

for (const method of methods) {
  test(`${method.name}: the published recipe is resolved, JSON, and holds every setting that has a default, each described`, () => {
    const { recipe } = method;
    assert.deepEqual(resolveRecipe(method), recipe);
    assert.deepEqual(JSON.parse(JSON.stringify(recipe)), recipe);
    assert.deepEqual(resolveRecipe(method, recipe), recipe, 'resolving is idempotent');
    const defaulted = Object.entries(method.settings.shape).filter(([, { def }]) => def.type === 'default');
    assert.deepEqual(
      Object.keys(recipe.settings),
      defaulted.map(([name]) => name),
    );
    for (const [name, setting] of Object.entries(method.settings.shape)) {
      assert.ok((setting.description ?? '').length > 10, `${name} is not described`);
    }
  });
}

test('a setting or a field that there is not is refused, with the names that are known', () => {
  refused(() => resolveRecipe(iad, { settings: { warmup: 0.1 } }), 'there is no warmup', 'warmUp, beta', 'settings');
  refused(() => resolveRecipe(natural, { settings: { beta: 1 } }), 'there is no beta', 'nothing can be set');
  refused(() => resolveRecipe(ciard, { batchsize: 3 }, 'r.json'), 'r.json', 'there is no batchsize', 'batchSize');
  refused(() => resolveRecipe(ciard, { attack: { size: 3 } }), 'there is no size', 'stepSize', 'attack');
  refused(() => resolveRecipe(natural, { writtenFor: 12 }), 'there is no writtenFor');
});

test('what is out of bounds is refused, field by field', () => {
  refused(
    () => resolveRecipe(natural, { epochs: 1.5, optimiser: { momentum: 2 }, labelSmoothing: 1 }, 'r.json'),
    'r.json',
    'epochs',
    'momentum',
    'labelSmoothing',
  );
  refused(() => resolveRecipe(ciard, { settings: { pushRule: 'always', warmUp: 50 } }), 'pushRule', 'warmUp');
  refused(() => resolveRecipe(natural, [1], 'r.json'), 'r.json: a recipe is an object');
  refused(() => resolveRecipe(natural, { averaging: {} }), 'averaging.decay');
});

test('the optimiser of a teacher belongs to a method that trains one', () => {
  refused(
    () => resolveRecipe(natural, { teacherOptimiser: ciard.recipe.teacherOptimiser }),
    'natural trains no teacher',
  );
  refused(() => resolveRecipe(ciard, { teacherOptimiser: null }), 'ciard trains its teacher');
  assert.equal(resolveRecipe(ciard, { teacherOptimiser: { momentum: 0.5 } }).teacherOptimiser!.momentum, 0.5);
});
