import * as tf from '@tensorflow/tfjs-core';
import { startNoise } from '../attacks/threat-model.js';
import { orderedBatches, type Batch } from '../data/batches.js';
import { readOut } from '../engine/read-out.js';
import { UserError } from '../errors.js';
import type { Recipe } from '../methods/recipe.js';
import { percent } from '../percent.js';
import type { Rng } from '../random.js';
import { epochRng, pauseRun, type Run } from './run.js';
import type { EpochRow, Validation } from './run-state.js';
import type { TrainingProgram } from './training-program.js';

/** Values of the samples of a batch, filled up to `size` by repeating the samples in turn. */
const filledUp = <T extends Float32Array | Int32Array>(values: T, samples: number, size: number): T => {
  if (samples === size) return values;
  const each = values.length / samples;
  const filled = new (values.constructor as new (length: number) => T)(size * each);
  for (let i = 0; i < size; i++)
    filled.set(values.subarray((i % samples) * each, ((i % samples) + 1) * each), i * each);
  return filled;
};

/** How many of the first samples are right; NaN where a logit of theirs is no number. */
const countRight = (logits: Float32Array, labels: Int32Array, size: number): number => {
  const classes = logits.length / size;
  let right = 0;
  for (const [sample, label] of labels.entries()) {
    const own = logits.subarray(sample * classes, (sample + 1) * classes);
    if (!own.every(Number.isFinite)) return NaN;
    right += Number(own.indexOf(Math.max(...own)) === label);
  }
  return right;
};

/** What is right of one batch: on x, and on what PGD makes of x. */
const validateBatch = (
  program: TrainingProgram,
  { images, labels, size: samples }: Batch,
  { size, imageSize, recipe, rng }: { size: number; imageSize: number; recipe: Recipe; rng: Rng },
): { clean: number; robust: number; teacherRobust: number | undefined } => {
  const shape: [number, number, number, number] = [size, imageSize, imageSize, 3];
  const x = filledUp(images, samples, size);
  const clean = readOut(() =>
    program.beginValidation({
      x: tf.tensor4d(x, shape),
      labels: tf.tensor1d(filledUp(labels, samples, size), 'int32'),
      noise: tf.tensor4d(startNoise('uniform', x.length, recipe.attack.epsilon, rng), shape),
    }),
  );
  for (let i = 0; i < recipe.validation.steps; i++) program.ascendValidation();
  const { student, robustTeacher } = program.endValidation();
  return {
    clean: countRight(clean, labels, size),
    robust: countRight(student, labels, size),
    teacherRobust: robustTeacher && countRight(robustTeacher, labels, size),
  };
};

/**
 * Accuracies on the held-out images, of the student as it stands.
 * @param size of the batches that the program validates at
 * @throws InterruptedError after saving; what is left of the validation is measured again
 * @throws UserError where an answer is no number
 */
export const validate = async (run: Run, size: number): Promise<Validation> => {
  const { program, recipe, set, validation } = run;
  const rng = epochRng(run).fork('validation');
  const right = { clean: 0, robust: 0 };
  let teacherRobust: number | undefined;
  program.fold();
  for (const batch of orderedBatches(set, validation, size)) {
    await pauseRun(run);
    const found = validateBatch(program, batch, {
      size,
      imageSize: set.height,
      recipe,
      rng: rng.fork('batch', batch.indices[0]!),
    });
    right.clean += found.clean;
    right.robust += found.robust;
    if (found.teacherRobust !== undefined) teacherRobust = (teacherRobust ?? 0) + found.teacherRobust;
  }
  const shares = Object.entries({ ...right, ...(teacherRobust === undefined ? {} : { teacherRobust }) }).map(
    ([name, count]) => [name, count / validation.length] as const,
  );
  const lost = shares.filter(([, share]) => Number.isNaN(share)).map(([name]) => name);
  if (lost.length > 0) {
    throw new UserError(
      `training stopped at the validation of epoch ${run.state.epoch + 1}: answers are no longer numbers ` +
        `(${lost.join(', ')}). A smaller learning rate or another seed may help.`,
    );
  }
  return Object.fromEntries(shares) as unknown as Validation;
};

/** Robust accuracy that is worth losing, and what counts as lost. */
const [worthLosing, lost] = [0.03, 0.003];

/** Epochs at which the robust accuracy has fallen to nothing since the validation before, in words. */
export const collapses = (history: readonly EpochRow[], robustName = 'PGD'): string[] => {
  const validated = history.flatMap(({ epoch, validation }) =>
    validation ? [{ epoch, robust: validation.robust }] : [],
  );
  return validated.flatMap(({ epoch, robust }, i) => {
    const before = validated[i - 1];
    if (!before || before.robust <= worthLosing || robust > lost) return [];
    return [
      `robust accuracy collapsed in epoch ${epoch}: under ${robustName} ${percent(robust, 1)} % of the held-out images are right, ` +
        `after ${percent(before.robust, 1)} % in epoch ${before.epoch}. More attack steps, smaller ones or a lower rate may help.`,
    ];
  });
};
