import * as tf from '@tensorflow/tfjs-core';
import type { ImageSet } from '../data/records.js';
import { InterruptedError } from '../errors.js';
import { checkpointInterrupt } from '../interruption.js';
import type { EpochContext, Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Network } from '../models/network.js';
import type { Progress } from '../progress.js';
import type { Rng } from '../random.js';
import type { RunIdentity } from './identity.js';
import { saveState, type EpochRow, type RunState } from './run-state.js';
import type { TrainingProgram } from './training-program.js';

/** A training run at work. */
export interface Run {
  readonly method: Method;
  readonly recipe: Recipe;
  readonly student: Network;
  /** The network that the method trains besides, if it does. */
  readonly retrainedTeacher: Network | undefined;
  readonly set: ImageSet;
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  /** Batches an epoch. */
  readonly batches: number;
  /** Everything that the run draws is forked from it, by purpose and position. */
  readonly rng: Rng;
  readonly program: TrainingProgram;
  readonly identity: RunIdentity;
  readonly out: string;
  readonly saveSeconds: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly onEpoch: (row: EpochRow) => void;
  readonly onWarning: (message: string) => void;
  /** Where it stands. */
  state: RunState;
  /** When it was last saved, by `performance.now()`. */
  savedAt: number;
  /** Up to when its seconds are counted. */
  countedTo: Clocks;
}

/** What the clocks of this process say: milliseconds on the wall, and microseconds of processors. */
interface Clocks {
  readonly wall: number;
  readonly processor: number;
}

export const readClocks = (): Clocks => {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), processor: user + system };
};

/** Saves where the run stands. */
export const saveRun = async (run: Run): Promise<void> => {
  const now = readClocks();
  const { seconds, processorSeconds } = run.state;
  run.state = {
    ...run.state,
    seconds: seconds + (now.wall - run.countedTo.wall) / 1000,
    processorSeconds: processorSeconds + (now.processor - run.countedTo.processor) / 1e6,
  };
  run.countedTo = now;
  const snapshot = run.program.snapshot();
  try {
    await saveState(run.out, run.identity, run.state, snapshot);
  } finally {
    tf.dispose(snapshot);
  }
  run.savedAt = performance.now();
};

/**
 * To be awaited between two batches: lets a signal come in, and saves where it is time to.
 * @throws InterruptedError after saving
 */
export const pauseRun = async (run: Run): Promise<void> => {
  try {
    await checkpointInterrupt(run.signal);
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    await saveRun(run);
    throw new InterruptedError(
      `training was interrupted in epoch ${run.state.epoch + 1} and saved; the same command goes on with it.`,
    );
  }
  if (performance.now() - run.savedAt >= 1000 * run.saveSeconds) await saveRun(run);
};

/** The validations of a method's own epochs. */
const validationsOf = (
  history: RunState['history'],
  { epochs, naturalPrefix }: Recipe,
): EpochContext['validations'] => {
  const found: EpochContext['validations'][number][] = [];
  let before = naturalPrefix;
  for (const { epoch, validation } of history) {
    // What the prefix trains is not the method's outcome.
    if (!validation || epoch / epochs <= naturalPrefix) continue;
    found.push({ epoch, ...validation, part: epoch / epochs - before });
    before = epoch / epochs;
  }
  return found;
};

/** What a method may look at, at the beginning of the epoch that the run stands in. */
export const epochContext = ({
  recipe,
  state: { epoch: index, history },
}: {
  readonly recipe: Recipe;
  readonly state: Pick<RunState, 'epoch' | 'history'>;
}): EpochContext => ({
  progress: index / recipe.epochs,
  settings: recipe.settings,
  validations: validationsOf(history, recipe),
});

/** The source of randomness of the epoch that the run stands in: its batches, the attack's starts, its validation. */
export const epochRng = ({ rng, state }: Pick<Run, 'rng' | 'state'>): Rng => rng.fork('epoch', state.epoch);
