import { z } from 'zod';
import { UserError } from '../errors.js';
import type { Recipe } from '../methods/method.js';

const positive = z.number().positive();
const count = z.number().int().positive();

const schedule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('steps'), rate: positive, at: z.array(z.number()), factor: positive }),
  z.strictObject({
    kind: z.literal('damped-cosine'),
    rate: positive,
    from: z.number().min(0),
    length: positive,
    decay: z.number(),
  }),
  z.strictObject({ kind: z.literal('triangle'), rate: positive, peak: positive, end: positive }),
]);
const optimiser = z.strictObject({
  learningRate: schedule,
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().min(0),
});
const attack = z.strictObject({
  start: z.enum(['clean', 'uniform', 'gaussian']),
  steps: count,
  stepSize: positive,
  epsilon: positive,
  mode: z.enum(['evaluation', 'training']),
});
const validation = z.strictObject({
  images: z.number().int().min(0),
  steps: count,
  every: count,
  robustWeight: z.number().min(0).max(1),
});

const recipeSchema: z.ZodType<Recipe> = z.strictObject({
  epochs: count,
  writtenFor: positive,
  batchSize: count,
  optimiser,
  teacherOptimiser: optimiser.optional() as unknown as z.ZodType<Recipe['optimiser']>,
  attack,
  settings: z.record(z.string(), z.number()),
  augment: z.boolean(),
  dropLast: z.boolean(),
  validation,
});

/** Parts of a recipe that replace those of another. A schedule is replaced whole. */
export type RecipeChanges = {
  readonly [K in keyof Recipe]?: K extends 'optimiser' | 'teacherOptimiser' | 'attack' | 'settings' | 'validation'
    ? Partial<NonNullable<Recipe[K]>>
    : Recipe[K];
};

/** `recipe` with `changes`. */
export const changeRecipe = (recipe: Recipe, changes: RecipeChanges): Recipe =>
  ({
    ...recipe,
    ...changes,
    optimiser: { ...recipe.optimiser, ...changes.optimiser },
    ...(recipe.teacherOptimiser
      ? { teacherOptimiser: { ...recipe.teacherOptimiser, ...changes.teacherOptimiser } }
      : {}),
    attack: { ...recipe.attack, ...changes.attack },
    settings: { ...recipe.settings, ...changes.settings } as Record<string, number>,
    validation: { ...recipe.validation, ...changes.validation },
  }) as Recipe;

/**
 * `recipe` with the changes of a file (JSON or YAML, already parsed).
 * @throws UserError that names every field that does not fit
 */
export const applyRecipeFile = (recipe: Recipe, content: unknown, file: string): Recipe => {
  if (content === null || typeof content !== 'object' || Array.isArray(content)) {
    throw new UserError(`${file}: a recipe is an object of settings (epochs, batchSize, optimiser, attack, …).`);
  }
  return checkRecipe(changeRecipe(recipe, content), file);
};

/** @throws UserError that names every field that does not fit */
export const checkRecipe = (recipe: Recipe, file: string): Recipe => {
  const result = recipeSchema.safeParse(recipe);
  if (!result.success) {
    throw new UserError(`${file}: the recipe does not fit:\n${z.prettifyError(result.error)}`);
  }
  return recipe;
};
