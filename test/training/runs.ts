import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import '../../src/engine/backend.js';
import { loadPart } from '../../src/data/datasets.js';
import { holdOut, takeBalanced } from '../../src/data/splits.js';
import type { Method } from '../../src/methods/method.js';
import { pgdAt } from '../../src/methods/pgd-at.js';
import { resolveRecipe, type Recipe, type RecipeChanges } from '../../src/methods/recipe.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import type { TrainOptions } from '../../src/training/train.js';

/** A folder for the runs of one file of tests; removed after them. */
export const folder = await mkdtemp(join(tmpdir(), 'ciard-train-'));
after(() => rm(folder, { recursive: true, force: true }));

export const set = await loadPart('synthetic', 'train');
export const held = holdOut(set, 40, 0);
export const student = createNetwork('cifar-resnet-8', { width: 0.5 });

/** The recipe of `method`, so small that a run takes seconds. */
export const tiny = (method: Method, epochs = 2, changes: RecipeChanges = {}): Recipe =>
  resolveRecipe(
    { ...method, recipe: resolveRecipe(method, changes) },
    {
      epochs,
      batchSize: 32,
      optimiser: { learningRate: { kind: 'steps', rate: 0.05, at: [], factor: 1 }, ...changes.optimiser },
      attack: { steps: 2, mode: 'evaluation' },
      validation: { images: 40, steps: 2, every: 1 },
    },
  );

export const options = (out: string, changes: Partial<TrainOptions> = {}): TrainOptions => ({
  method: pgdAt,
  recipe: tiny(changes.method ?? pgdAt),
  student,
  set,
  // Not a multiple of the batch: the last batch of 8 is trained on at its own size.
  train: takeBalanced(held.train, set, 200, 0),
  validation: held.validation,
  seed: 5,
  out: join(folder, out),
  ...changes,
});

/** Two teachers with drawn weights; they are the caller's. */
export const drawnTeachers = () => {
  const robust = createNetwork('cifar-resnet-8', { width: 0.5 });
  const clean = createNetwork('cifar-resnet-8');
  return {
    robustTeacher: { network: robust, weights: robust.initialise(createRng(1)) },
    cleanTeacher: { network: clean, weights: clean.initialise(createRng(2)) },
  };
};

/** The student's checkpoints of a run. */
export const files = async (out: string): Promise<string[]> =>
  Promise.all(
    ['last', 'best'].map(async (name) => (await readFile(join(folder, out, `${name}.safetensors`))).toString('base64')),
  );
