import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { readSafetensors, writeSafetensors } from '../checkpoints/safetensors.js';
import { float32Of, float32Tensor } from '../checkpoints/state-dict.js';
import type { Tensors } from '../engine/gradient.js';
import { UserError } from '../errors.js';
import type { RunIdentity } from './identity.js';
import { stateFile } from './run-folder.js';

const numbers = z.record(z.string(), z.number()).readonly();

const validationSchema = z
  .object({
    /** Accuracies on the held-out images, fractions: of the images as they are, and under PGD. */
    clean: z.number(),
    robust: z.number(),
    /** The robust teacher's accuracy on the images that PGD found against the student, in evaluation mode. */
    teacherRobust: z.number().optional(),
  })
  .readonly();

const epochRowSchema = z
  .object({
    /** From 1. */
    epoch: z.number().int(),
    learningRate: z.number(),
    /** Means of the loss's terms over the epoch's steps, each over those that had it. */
    terms: numbers,
    /** The share of its steps that retrained the robust teacher, where the method does so. */
    retrained: z.number().optional(),
    validation: validationSchema.optional(),
  })
  .readonly();

const stateSchema = z
  .object({
    /** Epochs done. */
    epoch: z.number().int().min(0),
    /** Batches done of the epoch that is under way, and over them each term's sum and the steps that had it. */
    batch: z.number().int().min(0),
    sums: z.record(z.string(), z.object({ sum: z.number(), count: z.number() }).readonly()).readonly(),
    /** How many of them retrained the robust teacher. */
    retrained: z.number().int().min(0),
    /** One row an epoch. */
    history: z.array(epochRowSchema).readonly(),
    best: z.object({ epoch: z.number(), score: z.number() }).readonly().optional(),
    /** Seconds of training so far, over all starts. */
    seconds: z.number(),
    /** What of them processors were at work, summed over threads; 0 in a state of before it was counted. */
    processorSeconds: z.number().default(0),
  })
  .readonly();

/** What was measured on the held-out images. */
export type Validation = z.infer<typeof validationSchema>;
export type EpochRow = z.infer<typeof epochRowSchema>;
/** What a run has measured and where it stands, apart from its tensors. */
export type RunState = z.infer<typeof stateSchema>;

export const firstState: RunState = {
  epoch: 0,
  batch: 0,
  sums: {},
  retrained: 0,
  history: [],
  seconds: 0,
  processorSeconds: 0,
};

/**
 * Saves everything that a run needs to go on, in one file: one rename replaces it, so that a kill at any moment leaves
 * the state of before or of after.
 */
export const saveState = async (
  folder: string,
  identity: RunIdentity,
  state: RunState,
  snapshot: Tensors,
): Promise<void> => {
  const tensors = new Map(
    Object.entries(snapshot).map(([name, tensor]) => [
      name,
      float32Tensor(tensor.shape, tensor.dataSync() as Float32Array),
    ]),
  );
  await writeSafetensors(stateFile(folder), tensors, {
    run: JSON.stringify(state),
    identity: JSON.stringify(identity),
  });
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object';

/** What differs between two descriptions of a run, as 'recipe.epochs: 10, now 12'. */
const differences = (before: unknown, now: unknown, path = ''): string[] => {
  if (JSON.stringify(before) === JSON.stringify(now)) return [];
  if (isObject(before) && isObject(now)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return names.flatMap((name) => differences(before[name], now[name], path ? `${path}.${name}` : name));
  }
  return [`${path}: ${JSON.stringify(before)}, now ${JSON.stringify(now)}`];
};

const parseJson = (text: string | undefined): unknown => {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * The state that a run of the same identity left in `folder`, if there is one. The tensors are the caller's.
 * @throws UserError where the folder holds a run of another identity, saying what differs
 */
export const loadState = async (
  folder: string,
  identity: RunIdentity,
): Promise<{ state: RunState; snapshot: Record<string, tf.Tensor> } | undefined> => {
  const file = stateFile(folder);
  if (!existsSync(file)) return undefined;
  const { tensors, metadata } = await readSafetensors(file);
  const parsed = stateSchema.safeParse(parseJson(metadata['run']));
  const before = parseJson(metadata['identity']);
  if (!parsed.success || before === undefined) {
    throw new UserError(`${file} is not the state of a training run. Remove it, or choose another folder (--out).`);
  }
  const changed = differences(before, JSON.parse(JSON.stringify(identity)));
  if (changed.length > 0) {
    throw new UserError(
      `${folder} holds another training run:\n  ${changed.join('\n  ')}\n` +
        'Run the same command again to go on with it, choose another --out, or remove the folder.',
    );
  }
  return {
    state: parsed.data,
    snapshot: Object.fromEntries(
      [...tensors].map(([name, tensor]) => [name, tf.tensor(float32Of(tensor), [...tensor.shape])]),
    ),
  };
};

/**
 * Whether a run has begun in a folder and has epochs before it: the weights that lie there are not those that it will leave.
 * Weights without a run's state, as a checkpoint that was brought has none, are whole.
 */
export const isUnderWay = async (folder: string): Promise<boolean> => {
  const file = stateFile(folder);
  if (!existsSync(file)) return false;
  const { metadata } = await readSafetensors(file);
  const state = stateSchema.safeParse(parseJson(metadata['run']));
  const identity = parseJson(metadata['identity']) as Partial<RunIdentity> | undefined;
  return state.success && identity?.recipe !== undefined && state.data.epoch < identity.recipe.epochs;
};
