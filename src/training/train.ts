import * as tf from '@tensorflow/tfjs-core';
import { batchCount } from '../data/batches.js';
import type { ImageSet } from '../data/records.js';
import type { Tensors } from '../engine/gradient.js';
import { checkFloat32 } from '../engine/precision.js';
import { UserError } from '../errors.js';
import { interruptSignal } from '../interruption.js';
import type { Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Network, WeightedNetwork } from '../models/network.js';
import { silentProgress, type Progress } from '../progress.js';
import { createRng } from '../random.js';
import { trainEpoch } from './epoch.js';
import { identityOf, type RunIdentity } from './identity.js';
import { writeRunMetrics } from './metrics.js';
import { checkTeachers } from './networks.js';
import { bestFile, lastFile, teacherFile, withRunFolder } from './run-folder.js';
import { firstState, loadState, type EpochRow, type RunState } from './run-state.js';
import { readClocks, saveRun, type Run } from './run.js';
import { createTrainingProgram, type TrainingProgram } from './training-program.js';
import { collapses } from './validation.js';

export interface TrainOptions {
  readonly method: Method;
  /** Default: the method's published one. */
  readonly recipe?: Recipe;
  readonly student: Network;
  /** The student's first weights. Default: drawn from the seed, for its architecture, width and classes. */
  readonly studentWeights?: Tensors;
  readonly cleanTeacher?: WeightedNetwork | undefined;
  readonly robustTeacher?: WeightedNetwork | undefined;
  /** The training set, and which of its images are trained on and held out. */
  readonly set: ImageSet;
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  /** The replicate: methods of one seed start from the same weights and see the same batches. */
  readonly seed?: number;
  /** The folder of the run; made where it is absent, gone on with where it holds the same run. */
  readonly out: string;
  /** Where it stands is saved after every epoch, and whenever so many seconds have passed. Default 60. */
  readonly saveSeconds?: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Called after each epoch. */
  readonly onEpoch?: (row: EpochRow) => void;
  /** Is told of what goes wrong without stopping the run: robustness that is lost within an epoch. */
  readonly onWarning?: (message: string) => void;
  readonly eager?: boolean | undefined;
}

export interface TrainingRun {
  readonly identity: RunIdentity;
  readonly history: readonly EpochRow[];
  /** The epoch that selection chose, and its score: clean and robust accuracy on the held-out images, weighed. */
  readonly best: { readonly epoch: number; readonly score: number };
  readonly lastFile: string;
  readonly bestFile: string;
  /** The robust teacher as the method left it, where it is trained. */
  readonly teacherFile: string | null;
  readonly warnings: readonly string[];
  /** Of training, over all starts. */
  readonly seconds: number;
  /** What of them processors were at work, summed over threads. */
  readonly processorSeconds: number;
}

/** The sizes of batches that occur; the one that validation runs at comes first. */
const batchSizesOf = (images: number, { batchSize, dropLast }: Recipe): number[] => {
  const rest = images % batchSize;
  return [...(images >= batchSize ? [batchSize] : []), ...(rest > 0 && !dropLast ? [rest] : [])];
};

/** @throws UserError where what is given does not fit together */
const checkOptions = (options: TrainOptions, recipe: Recipe): void => {
  const { method, student, set, train: images, cleanTeacher, robustTeacher } = options;
  if (student.classes !== set.classes.length || student.imageSize !== set.height) {
    throw new UserError(
      `the student tells ${student.classes} classes of ${student.imageSize} × ${student.imageSize} images apart, but ` +
        `${set.name} has ${set.classes.length} of ${set.height} × ${set.width}.`,
    );
  }
  if (batchCount(images.length, recipe) === 0) {
    throw new UserError(
      `${images.length} training images do not fill one batch of ${recipe.batchSize}: take a smaller --batch.`,
    );
  }
  for (const [who, teacher] of [
    ['clean', cleanTeacher],
    ['robust', robustTeacher],
  ] as const) {
    if (teacher && !method.teachers[who]) {
      throw new UserError(`${method.name} has no ${who} teacher, but one is given: leave --${who}-teacher out.`);
    }
  }
  checkTeachers(method, { student: { network: student, weights: {} }, cleanTeacher, robustTeacher });
};

/** The first weights of a replicate: the same for every method. */
const firstWeights = (student: Network, seed: number): Record<string, tf.Tensor> =>
  student.initialise(createRng(seed).fork('first weights', student.architecture, student.width, student.classes));

/** The program of a run, its student as it begins. */
const programOf = (options: TrainOptions, recipe: Recipe, seed: number): TrainingProgram => {
  const { method, student, studentWeights, cleanTeacher, robustTeacher, train: images, eager } = options;
  const drawn = studentWeights ? undefined : firstWeights(student, seed);
  try {
    return createTrainingProgram({
      method,
      recipe,
      networks: { student: { network: student, weights: studentWeights ?? drawn! }, cleanTeacher, robustTeacher },
      batchSizes: batchSizesOf(images.length, recipe),
      eager,
    });
  } finally {
    tf.dispose(drawn);
  }
};

const resultOf = (
  { out, method }: TrainOptions,
  identity: RunIdentity,
  { history, best, epoch, seconds, processorSeconds }: RunState,
): TrainingRun => ({
  identity,
  history,
  best: best ?? { epoch, score: 0 },
  lastFile: lastFile(out),
  bestFile: bestFile(out),
  teacherFile: method.teachers.robust === 'training-mode' ? teacherFile(out) : null,
  warnings: collapses(history),
  seconds,
  processorSeconds,
});

/**
 * Trains a student. Every epoch ends with a checkpoint; killed at any moment and called again with the same options, it
 * goes on where it was and ends with the same bytes as a run that was never interrupted.
 *
 * @throws InterruptedError after it has saved where it stands, when `signal` aborts
 * @throws UserError where `out` holds another run or another process works in it, a teacher is missing, or the loss or an
 *   answer is no longer a number
 */
export const train = async (options: TrainOptions): Promise<TrainingRun> => {
  const { method, recipe = method.recipe, student, robustTeacher, set, validation, seed = 0, out } = options;
  const { progress = silentProgress, signal = interruptSignal(), saveSeconds = 60 } = options;
  checkOptions(options, recipe);
  checkFloat32('a training');
  const identity = identityOf({ ...options, recipe, seed });
  const batches = batchCount(options.train.length, recipe);
  return withRunFolder(out, async () => {
    const begun = readClocks();
    const before = await loadState(out, identity);
    try {
      // A run that was killed between its state and its metrics gets them now.
      if (before) await writeRunMetrics(out, before.state.history);
      if (before && before.state.epoch >= recipe.epochs) {
        const steps = recipe.epochs * batches;
        progress({ task: `train ${method.name}`, done: steps, total: steps, detail: 'complete' });
        return resultOf(options, identity, before.state);
      }
      const program = programOf(options, recipe, seed);
      try {
        if (before) {
          program.restore(before.snapshot);
          tf.dispose(before.snapshot);
        }
        const run: Run = {
          method,
          recipe,
          student,
          retrainedTeacher: method.teachers.robust === 'training-mode' ? robustTeacher?.network : undefined,
          set,
          train: options.train,
          validation,
          batches,
          rng: createRng(seed).fork('train'),
          program,
          identity,
          out,
          saveSeconds,
          progress,
          signal,
          onEpoch: options.onEpoch ?? (() => undefined),
          onWarning: options.onWarning ?? (() => undefined),
          state: before?.state ?? firstState,
          savedAt: performance.now(),
          countedTo: begun,
        };
        // The folder is this run's from now on.
        if (!before) await saveRun(run);
        while (run.state.epoch < recipe.epochs) await trainEpoch(run, batchSizesOf(options.train.length, recipe)[0]!);
        return resultOf(options, identity, run.state);
      } finally {
        program.dispose();
      }
    } finally {
      tf.dispose(before?.snapshot);
    }
  });
};
