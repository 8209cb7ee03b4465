import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { infoOfNetwork, stateDictOfWeights } from '../checkpoints/network-checkpoint.js';
import { saveCheckpoint, type CheckpointInfo } from '../checkpoints/checkpoint.js';
import { readSafetensors, writeSafetensors } from '../checkpoints/safetensors.js';
import { float32Of, float32Tensor } from '../checkpoints/state-dict.js';
import type { Tensors } from '../engine/gradient.js';
import { UserError } from '../errors.js';
import type { Network } from '../models/network.js';

/** What a run has measured and where it stands, apart from its tensors. */
export interface RunState {
  /** Epochs done. */
  readonly epoch: number;
  /** Batches done of the epoch that is under way, and the sums of the terms over them. */
  readonly batch: number;
  readonly sums: Readonly<Record<string, TermSum>>;
  /** How many of them retrained the robust teacher. */
  readonly retrained: number;
  /** One row an epoch. */
  readonly history: readonly EpochRow[];
  readonly best?: { readonly epoch: number; readonly score: number } | undefined;
  /** Seconds of training so far, over all starts. */
  readonly seconds: number;
}

export interface TermSum {
  readonly sum: number;
  /** The steps that had the term: phases have terms of their own. */
  readonly count: number;
}

export interface EpochRow {
  /** From 1. */
  readonly epoch: number;
  readonly learningRate: number;
  /** Means of the loss's terms over the epoch. */
  readonly terms: Readonly<Record<string, number>>;
  /** The share of its steps that retrained the robust teacher, where the method does so. */
  readonly retrained?: number | undefined;
  /** Accuracies on the held-out images, where the epoch was validated. */
  readonly validation?: { readonly clean: number; readonly robust: number } | undefined;
}

const numbers = z.record(z.string(), z.number());
const stateSchema: z.ZodType<RunState> = z.object({
  epoch: z.number().int().min(0),
  batch: z.number().int().min(0),
  sums: z.record(z.string(), z.object({ sum: z.number(), count: z.number() })),
  retrained: z.number(),
  history: z.array(
    z.object({
      epoch: z.number(),
      learningRate: z.number(),
      terms: numbers,
      retrained: z.number().optional(),
      validation: z.object({ clean: z.number(), robust: z.number() }).optional(),
    }),
  ),
  best: z.object({ epoch: z.number(), score: z.number() }).optional(),
  seconds: z.number(),
});

const stateFile = (folder: string): string => join(folder, 'state.safetensors');

/** Where a run keeps its student: after the last epoch, and after the one that selection chose. */
export const lastFile = (folder: string): string => join(folder, 'last.safetensors');
export const bestFile = (folder: string): string => join(folder, 'best.safetensors');
/** The robust teacher of a method that trains it, after the last epoch. */
export const teacherFile = (folder: string): string => join(folder, 'robust-teacher.safetensors');

/** A name for everything that decides a run's outcome: two runs with the same one end with the same bytes. */
export const fingerprint = (decisive: unknown): string =>
  createHash('sha256').update(JSON.stringify(decisive)).digest('hex');

/**
 * Saves everything that a run needs to go on, in one file: one rename replaces it, so that a kill at any moment leaves
 * the state of before or of after.
 */
export const saveState = async (
  folder: string,
  decisive: unknown,
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
    decisive: JSON.stringify(decisive),
  });
};

/** What differs between two descriptions of a run, as 'recipe.epochs: 10, now 12'. */
const differences = (before: unknown, now: unknown, path = ''): string[] => {
  if (JSON.stringify(before) === JSON.stringify(now)) return [];
  if (before !== null && now !== null && typeof before === 'object' && typeof now === 'object') {
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return names.flatMap((name) =>
      differences(
        (before as Record<string, unknown>)[name],
        (now as Record<string, unknown>)[name],
        path ? `${path}.${name}` : name,
      ),
    );
  }
  return [`${path}: ${JSON.stringify(before)}, now ${JSON.stringify(now)}`];
};

/**
 * The state that a run of the same description left in `folder`, if there is one. The tensors are the caller's.
 * @throws UserError where the folder holds a run of another description
 */
export const loadState = async (
  folder: string,
  decisive: unknown,
): Promise<{ state: RunState; snapshot: Record<string, tf.Tensor> } | undefined> => {
  const file = stateFile(folder);
  if (!existsSync(file)) return undefined;
  const { tensors, metadata } = await readSafetensors(file);
  const parsed = stateSchema.safeParse(metadata['run'] === undefined ? undefined : JSON.parse(metadata['run']));
  const before: unknown = metadata['decisive'] === undefined ? undefined : JSON.parse(metadata['decisive']);
  if (!parsed.success || before === undefined) {
    throw new UserError(`${file} is not the state of a training run. Remove it, or choose another --out.`);
  }
  const changed = differences(before, JSON.parse(JSON.stringify(decisive)));
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

/** Writes a network with its weights and how it came to be. */
export const saveNetwork = async (
  file: string,
  network: Network,
  weights: Tensors,
  trained: Omit<CheckpointInfo, 'architecture' | 'classes'>,
): Promise<void> => {
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
  );
  await saveCheckpoint(file, { ...infoOfNetwork(network), ...trained }, stateDictOfWeights(network, values));
};
