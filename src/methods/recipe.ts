import { z } from 'zod';
import { precisions } from '../engine/precision.js';
import { UserError } from '../errors.js';
import type { Method } from './method.js';
import { scheduleSchema, type Schedule } from './schedule.js';
import { strict } from './strict.js';

const count = z.number().int().positive();
const fraction = z.number().min(0).max(1);

const optimiserSchema = strict({
  learningRate: scheduleSchema,
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().min(0),
}).readonly();

const innerMaximisationSchema = strict({
  start: z.enum(['clean', 'uniform', 'gaussian']),
  steps: count,
  /** In image units, as ε. */
  stepSize: z.number().positive(),
  epsilon: z.number().positive(),
  /** The student's mode while it is attacked. In training mode every step moves its running statistics. */
  mode: z.enum(['evaluation', 'training']),
}).readonly();

/** A method's own settings: named numbers, words and switches. */
const settingsSchema = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).readonly();

/**
 * Everything that decides a training run besides the networks, the data and the seed. Plain JSON, with nothing left to a
 * default: what is not used is `null` or 0.
 */
export const recipeSchema = strict({
  epochs: count,
  batchSize: count,
  optimiser: optimiserSchema,
  /** The robust teacher's, where a method trains it. */
  teacherOptimiser: optimiserSchema.nullable(),
  attack: innerMaximisationSchema,
  /** The method's own. */
  settings: settingsSchema,
  /** Random crop and flip. */
  augment: z.boolean(),
  /** Drop a last batch that is not full (PyTorch's default keeps it, at its own size). */
  dropLast: z.boolean(),
  /**
   * A moving average of the student's weights and running statistics, average ← d · average + (1 − d) · weights after every
   * step t (from 1), d = min(decay, (1 + t)/(10 + t)). It is the average that is validated, selected and saved.
   */
  averaging: strict({ decay: z.number().min(0).lt(1) })
    .readonly()
    .nullable(),
  /** What of a hard label is spread evenly over the classes, in the student's loss alone. */
  labelSmoothing: z.number().min(0).lt(1),
  /**
   * What the student's loss is multiplied by, outside of the natural prefix. Left out where that is 1, so that recipes
   * without it keep their ids. A loss that is a mean over elements has gradients C times smaller than one that is a mean
   * over images.
   */
  lossWeight: z
    .number()
    .positive()
    .refine((weight) => weight !== 1, 'leave it out where the loss is taken as it is')
    .optional(),
  /** The fraction of the run, from its beginning, that trains by cross-entropy on clean images instead of the method's loss. */
  naturalPrefix: z.number().min(0).lt(1),
  /** Of the arithmetic while it trains; bf16 is mixed precision, with weights, losses and validation in float32. */
  precision: z.enum(precisions),
  validation: strict({
    /** Images held out of the training set, balanced by class. */
    images: z.number().int().min(0),
    /** Steps of the PGD that the selection looks at, of size ε/4. */
    steps: count,
    /** Validate every so many epochs, and after the last. */
    every: count,
    /** What robust accuracy weighs in the selection, and clean accuracy the rest: ½ is the papers' W-Robust. */
    robustWeight: fraction,
  }).readonly(),
}).readonly();

/** The schema of a recipe with these settings. */
export const recipeSchemaOf = <S extends z.ZodType<Settings>>(settings: S) =>
  recipeSchema.unwrap().extend({ settings }).readonly();

export type InnerMaximisation = z.infer<typeof innerMaximisationSchema>;
export type Settings = z.infer<typeof settingsSchema>;
export type Recipe = z.infer<typeof recipeSchema>;

/** Parts of a recipe that replace those of another, at any depth. A schedule is replaced whole. */
export type RecipeChanges = Changes<Recipe>;
type Changes<T> = T extends Schedule | readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Changes<T[K]> }
    : T;

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** What of a recipe is replaced whole: its parts mean something together alone. */
const whole = new Set(['learningRate']);

const merged = (before: unknown, changes: unknown): unknown => {
  if (!isPlain(before) || !isPlain(changes)) return changes;
  const entries = Object.entries(changes).map(
    ([name, value]) => [name, whole.has(name) ? value : merged(before[name], value)] as const,
  );
  // What a change makes undefined is left out.
  return Object.fromEntries(
    Object.entries({ ...before, ...Object.fromEntries(entries) }).filter(([, value]) => value !== undefined),
  );
};

/**
 * The published recipe of `method` with `changes`, every setting resolved.
 *
 * @param changes parts of a recipe, as `RecipeChanges`; of a file they may be anything
 * @param where what an error begins with: the file that the changes are from
 * @throws UserError that tells of every field that does not fit, and which names are known where one is not
 */
export const resolveRecipe = (
  method: Pick<Method, 'name' | 'recipe' | 'settings'>,
  changes: unknown = {},
  where = `the recipe of ${method.name}`,
): Recipe => {
  if (!isPlain(changes)) {
    throw new UserError(`${where}: a recipe is an object of settings (epochs, batchSize, optimiser, attack, …).`);
  }
  const { recipe: published, settings } = method;
  const result = recipeSchemaOf(settings).safeParse(merged(published, changes));
  const problems = result.success ? [] : [z.prettifyError(result.error)];
  if (result.success && (result.data.teacherOptimiser === null) !== (published.teacherOptimiser === null)) {
    problems.push(
      published.teacherOptimiser === null
        ? `✖ ${method.name} trains no teacher\n  → at teacherOptimiser`
        : `✖ ${method.name} trains its teacher: its settings say when\n  → at teacherOptimiser`,
    );
  }
  if (!result.success || problems.length > 0) {
    throw new UserError(`${where}: it does not fit:\n${problems.join('\n')}`);
  }
  return result.data;
};
