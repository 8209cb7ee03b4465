import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { startFrom, startNoise } from '../attacks/threat-model.js';
import { batchCount, epochBatches, orderedBatches } from '../data/batches.js';
import type { ImageSet } from '../data/records.js';
import type { Tensors } from '../engine/gradient.js';
import { InterruptedError, UserError } from '../errors.js';
import { checkpointInterrupt, interruptSignal } from '../interruption.js';
import type { EpochContext, Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Network, WeightedNetwork } from '../models/network.js';
import { silentProgress, type Progress } from '../progress.js';
import { createRng, type Rng } from '../random.js';
import { writeMetrics } from './dvclive.js';
import {
  bestFile,
  lastFile,
  loadState,
  saveNetwork,
  saveState,
  teacherFile,
  type EpochRow,
  type RunState,
  type TermSum,
} from './run-folder.js';
import { rateAt } from '../methods/schedule.js';
import { createTrainingProgram, prefixPhase, type TrainingProgram } from './training-program.js';

export interface TrainOptions {
  readonly method: Method;
  /** Default: the method's published one. */
  readonly recipe?: Recipe;
  readonly student: Network;
  /** The student's first weights. Default: drawn from the seed. */
  readonly studentWeights?: Tensors;
  readonly cleanTeacher?: WeightedNetwork | undefined;
  readonly robustTeacher?: WeightedNetwork | undefined;
  /** The training set, and which of its images are trained on and held out. */
  readonly set: ImageSet;
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly seed?: number;
  /** The folder of the run; made where it is absent, gone on with where it holds the same run. */
  readonly out: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Called after each epoch. */
  readonly onEpoch?: (row: EpochRow) => void;
  readonly eager?: boolean;
}

export interface TrainingRun {
  readonly history: readonly EpochRow[];
  /** The epoch that selection chose, and its score: clean and robust accuracy on the held-out images, weighed. */
  readonly best: { readonly epoch: number; readonly score: number };
  readonly lastFile: string;
  readonly bestFile: string;
  readonly seconds: number;
}

const digest = (tensors: Tensors | undefined): string | undefined => {
  if (!tensors) return undefined;
  const hash = createHash('sha256');
  for (const [name, tensor] of Object.entries(tensors)) {
    hash.update(name);
    const values = tensor.dataSync();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
};

const describe = ({ network, weights }: WeightedNetwork): Record<string, unknown> => ({
  architecture: network.architecture,
  width: network.width,
  weights: digest(weights),
});

/** Fills the images of a batch up to `size` by repeating the first. */
const filledUp = (
  images: Float32Array,
  labels: Int32Array,
  size: number,
): { images: Float32Array; labels: Int32Array } => {
  if (labels.length === size) return { images, labels };
  const perImage = images.length / labels.length;
  const filled = { images: new Float32Array(size * perImage), labels: new Int32Array(size) };
  for (let i = 0; i < size; i++) {
    const from = i < labels.length ? i : 0;
    filled.images.set(images.subarray(from * perImage, (from + 1) * perImage), i * perImage);
    filled.labels[i] = labels[from]!;
  }
  return filled;
};

/** Clean and PGD accuracy of the student as it stands, on held-out images. */
const validate = async (
  program: TrainingProgram,
  {
    set,
    validation,
    recipe,
    batchSize,
    rng,
    signal,
  }: {
    set: ImageSet;
    validation: Uint32Array;
    recipe: Recipe;
    batchSize: number;
    rng: Rng;
    signal: AbortSignal;
  },
): Promise<{ clean: number; robust: number }> => {
  program.fold();
  const right = { clean: 0, robust: 0 };
  const shape: [number, number, number, number] = [batchSize, set.height, set.width, 3];
  for (const batch of orderedBatches(set, validation, batchSize)) {
    await checkpointInterrupt(signal);
    tf.tidy(() => {
      const filled = filledUp(batch.images, batch.labels, batchSize);
      const x = tf.tensor4d(filled.images, shape);
      const labels = tf.tensor1d(filled.labels, 'int32');
      const count = (images: tf.Tensor4D): number => {
        const predicted = tf.argMax(program.logits(images), 1).dataSync();
        return batch.labels.reduce((sum, label, i) => sum + Number(predicted[i] === label), 0);
      };
      right.clean += count(x);
      const { epsilon } = recipe.attack;
      const noise = startNoise('uniform', x.size, epsilon, rng.fork('batch', batch.indices[0]!));
      let adversarial = startFrom('uniform', x, tf.tensor4d(noise, shape));
      for (let i = 0; i < recipe.validation.steps; i++) {
        adversarial = program.attackStep({ x, labels }, adversarial);
      }
      right.robust += count(adversarial);
    });
  }
  return { clean: right.clean / validation.length, robust: right.robust / validation.length };
};

/** The accuracies so far as a method may look at them. */
const epochContext = (index: number, recipe: Recipe, history: readonly EpochRow[]): EpochContext => ({
  progress: index / recipe.epochs,
  settings: recipe.settings,
  validations: history.flatMap(({ epoch, validation }) => (validation ? [{ epoch, ...validation }] : [])),
});

const nanError = (where: string, terms: Readonly<Record<string, number>>, state: RunState, out: string): UserError =>
  new UserError(
    `training stopped at ${where}: the loss is no longer a number (` +
      `${Object.entries(terms)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}). ` +
      (state.epoch > 0
        ? `The last good checkpoint is ${lastFile(out)} (epoch ${state.epoch}). `
        : 'There is no checkpoint yet. ') +
      'A smaller learning rate or another seed may help.',
  );

/**
 * Trains a student. Every epoch ends with a checkpoint; killed at any moment and called again with the same options, it
 * goes on where it was and ends with the same bytes as a run that was never interrupted.
 *
 * @throws InterruptedError after it has saved where it stands, when `signal` aborts
 * @throws UserError where `out` holds another run, a teacher is missing, or the loss is no longer a number
 */
export const train = async ({
  method,
  recipe = method.recipe,
  student,
  studentWeights,
  cleanTeacher,
  robustTeacher,
  set,
  train: trainIndices,
  validation,
  seed = 0,
  out,
  progress = silentProgress,
  signal = interruptSignal(),
  onEpoch,
  eager,
}: TrainOptions): Promise<TrainingRun> => {
  const rng = createRng(seed).fork('train');
  if (student.classes !== set.classes.length || student.imageSize !== set.height) {
    throw new UserError(
      `the student tells ${student.classes} classes of ${student.imageSize} × ${student.imageSize} images apart, but ` +
        `${set.name} has ${set.classes.length} of ${set.height} × ${set.width}.`,
    );
  }
  const count = trainIndices.length;
  const batches = batchCount(count, recipe);
  if (batches === 0) {
    throw new UserError(
      `${count} training images do not fill one batch of ${recipe.batchSize}: take a smaller --batch.`,
    );
  }
  const rest = count % recipe.batchSize;
  // The size that evaluation runs at comes first.
  const batchSizes = [
    ...(count >= recipe.batchSize ? [recipe.batchSize] : []),
    ...(rest > 0 && !recipe.dropLast ? [rest] : []),
  ];
  await mkdir(out, { recursive: true });

  const initialWeights = studentWeights ?? student.initialise(createRng(seed).fork('initial weights'));
  const decisive = {
    method: method.name,
    recipe,
    student: {
      architecture: student.architecture,
      width: student.width,
      weights: digest(studentWeights) ?? 'from the seed',
    },
    cleanTeacher: cleanTeacher && describe(cleanTeacher),
    robustTeacher: robustTeacher && describe(robustTeacher),
    dataset: set.name,
    trainImages: count,
    seed,
  };
  const resumed = await loadState(out, decisive);
  let state: RunState = resumed?.state ?? { epoch: 0, batch: 0, sums: {}, retrained: 0, history: [], seconds: 0 };
  const finished = (): TrainingRun => ({
    history: state.history,
    best: state.best ?? { epoch: state.epoch, score: 0 },
    lastFile: lastFile(out),
    bestFile: bestFile(out),
    seconds: state.seconds,
  });
  const task = `train ${method.name}`;
  if (state.epoch >= recipe.epochs) {
    tf.dispose(resumed?.snapshot);
    if (!studentWeights) tf.dispose(initialWeights);
    progress({ task, done: recipe.epochs * batches, total: recipe.epochs * batches, detail: 'complete' });
    return finished();
  }

  const scalarNames = Object.keys(method.scalars?.(epochContext(0, recipe, [])) ?? {});
  const program = createTrainingProgram(
    {
      method,
      recipe,
      networks: { student: { network: student, weights: initialWeights }, cleanTeacher, robustTeacher },
      batchSizes,
      ...(eager === undefined ? {} : { eager }),
    },
    scalarNames,
  );
  if (!studentWeights) tf.dispose(initialWeights);
  if (resumed) {
    program.restore(resumed.snapshot);
    tf.dispose(resumed.snapshot);
  }

  const shapeOf = (size: number): [number, number, number, number] => [size, set.height, set.width, 3];
  const started = performance.now();
  const secondsBefore = state.seconds;
  const save = async (next: RunState): Promise<void> => {
    state = { ...next, seconds: secondsBefore + (performance.now() - started) / 1000 };
    const snapshot = program.snapshot();
    await saveState(out, decisive, state, snapshot);
    tf.dispose(snapshot);
  };

  try {
    while (state.epoch < recipe.epochs) {
      const index = state.epoch;
      const context = epochContext(index, recipe, state.history);
      const at = { index, epochs: recipe.epochs };
      const rates = {
        student: rateAt(recipe.optimiser.learningRate, at),
        robustTeacher: recipe.teacherOptimiser ? rateAt(recipe.teacherOptimiser.learningRate, at) : 0,
      };
      const steps = recipe.epochs * batches;
      const phaseOf = (batch: number): string => {
        const progress = (index * batches + batch) / steps;
        if (progress < recipe.naturalPrefix) return prefixPhase;
        return method.phase?.({ progress, stepLength: 1 / steps, settings: recipe.settings }) ?? 'train';
      };
      const epochRng = rng.fork('epoch', index);
      const sums: Record<string, TermSum> = { ...state.sums };
      let retrained = state.retrained;
      let batchIndex = state.batch;
      const report = (done: number): void => {
        progress({
          task,
          done: index * batches + done,
          total: recipe.epochs * batches,
          detail: `epoch ${index + 1}/${recipe.epochs} · loss ${meanOf(sums['loss']!).toFixed(3)}${validationText(state.history)}`,
        });
      };
      const scalars = Object.fromEntries(
        Object.entries(method.scalars?.(context) ?? {}).map(([name, value]) => [name, tf.scalar(value)]),
      );
      try {
        for (const batch of epochBatches(set, trainIndices, {
          batchSize: recipe.batchSize,
          rng: epochRng,
          augment: recipe.augment,
          dropLast: recipe.dropLast,
          firstBatch: batchIndex,
        })) {
          try {
            await checkpointInterrupt(signal);
          } catch (error) {
            await save({ ...state, batch: batchIndex, sums, retrained });
            throw error instanceof InterruptedError
              ? new InterruptedError(
                  `training was interrupted in epoch ${index + 1} and saved; the same command goes on with it.`,
                )
              : error;
          }
          const phase = phaseOf(batchIndex);
          const terms = tf.tidy(() => {
            const x = tf.tensor4d(batch.images, shapeOf(batch.size));
            const given = { x, labels: tf.tensor1d(batch.labels, 'int32') };
            let prepared: Tensors = {};
            let adversarial = x;
            if (phase !== prefixPhase && (method.prepare || method.ascend)) prepared = program.prepare(given, scalars);
            if (phase !== prefixPhase && method.ascend) {
              const { start, epsilon, steps } = recipe.attack;
              const noise = startNoise(start, x.size, epsilon, epochRng.fork('start', batchIndex));
              adversarial = startFrom(start, x, tf.tensor4d(noise, shapeOf(batch.size)));
              for (let i = 0; i < steps; i++) {
                const previous = adversarial;
                adversarial = program.ascend(given, adversarial, prepared, scalars);
                if (previous !== x) previous.dispose();
              }
            }
            const results = program.step(phase, given, adversarial, prepared, scalars, rates);
            return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, value.dataSync()[0]!]));
          });
          batchIndex++;
          program.average(index * batches + batchIndex);
          if (method.retrains?.includes(phase)) retrained++;
          if (!Object.values(terms).every(Number.isFinite)) {
            throw nanError(`epoch ${index + 1}, batch ${batchIndex} of ${batches}`, terms, state, out);
          }
          for (const [name, value] of Object.entries(terms)) {
            const { sum, count: steps } = sums[name] ?? { sum: 0, count: 0 };
            sums[name] = { sum: sum + value, count: steps + 1 };
          }
          // The epoch's last batch is told of with what the validation finds.
          if (batchIndex < batches) report(batchIndex);
        }
      } finally {
        tf.dispose(scalars);
      }

      const due = (index + 1) % recipe.validation.every === 0 || index + 1 === recipe.epochs;
      const measured =
        due && validation.length > 0
          ? await validate(program, {
              set,
              validation,
              recipe,
              batchSize: batchSizes[0]!,
              rng: epochRng.fork('validation'),
              signal,
            }).catch(async (error: unknown) => {
              // The epoch's batches are done; what follows is measured again.
              if (error instanceof InterruptedError) await save({ ...state, batch: batchIndex, sums, retrained });
              throw error;
            })
          : undefined;
      const row: EpochRow = {
        epoch: index + 1,
        learningRate: rates.student,
        terms: Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, meanOf(sum)])),
        ...(method.retrains ? { retrained: retrained / batches } : {}),
        ...(measured ? { validation: measured } : {}),
      };
      // Without held-out images there is nothing to select by: the last epoch is the best.
      const score = measured
        ? (1 - recipe.validation.robustWeight) * measured.clean + recipe.validation.robustWeight * measured.robust
        : index + 1;
      // What the prefix trains is not the method's outcome.
      const inPrefix = (index + 1) / recipe.epochs <= recipe.naturalPrefix;
      const isBest =
        (measured !== undefined || validation.length === 0) && !inPrefix && score > (state.best?.score ?? -1);
      const next: RunState = {
        ...state,
        epoch: index + 1,
        batch: 0,
        sums: {},
        retrained: 0,
        history: [...state.history, row],
        ...(isBest ? { best: { epoch: index + 1, score } } : {}),
      };
      const trained = { method: method.name, recipe, dataset: set.name, seed, epoch: index + 1 };
      const weights = program.weights('student');
      if (isBest) await saveNetwork(bestFile(out), student, weights, trained);
      await saveNetwork(lastFile(out), student, weights, trained);
      tf.dispose(weights);
      if (robustTeacher && method.teachers.robust === 'training-mode') {
        const teacher = program.weights('robustTeacher');
        await saveNetwork(teacherFile(out), robustTeacher.network, teacher, trained);
        tf.dispose(teacher);
      }
      await save(next);
      await writeMetrics(
        join(out, 'dvclive'),
        state.history.map(({ epoch, learningRate, terms, validation: accuracies }) => ({
          epoch,
          values: {
            learning_rate: learningRate,
            ...Object.fromEntries(Object.entries(terms).map(([name, value]) => [`train/${name}`, value])),
            ...(accuracies
              ? { 'validation/clean_accuracy': accuracies.clean, 'validation/robust_accuracy': accuracies.robust }
              : {}),
          },
        })),
      );
      report(batches);
      onEpoch?.(row);
    }
    return finished();
  } finally {
    program.dispose();
  }
};

const meanOf = ({ sum, count }: TermSum): number => sum / count;

const validationText = (history: readonly EpochRow[]): string => {
  const last = history.findLast(({ validation }) => validation)?.validation;
  return last ? ` · held out: clean ${(100 * last.clean).toFixed(1)} %, PGD ${(100 * last.robust).toFixed(1)} %` : '';
};
