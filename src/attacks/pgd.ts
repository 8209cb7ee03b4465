import * as tf from '@tensorflow/tfjs-core';
import { readOut } from '../engine/read-out.js';
import { carliniWagnerLoss, crossEntropyLoss, type LogitLoss } from './attack-losses.js';
import { imageRng, programSize, type Attack } from './attack.js';
import { batchInputs, batchVariables, enterBatch, type AttackedBatch } from './batch-variables.js';
import { cwConfidence, cwLinfSteps, fgsmSteps, pgdSatSteps, pgdTradesSteps } from './published-steps.js';
import { signStep } from './sign-step.js';
import { defaultEpsilon, startNoise, type Start } from './threat-model.js';

/** Raised when a change of the code changes what is found: results of another revision are measured again. */
export const pgdRevision = 1;

export interface PgdOptions {
  readonly name?: string;
  readonly loss?: LogitLoss;
  readonly epsilon?: number;
  readonly stepSize: number;
  readonly steps: number;
  /** A named start, or noise of one's own: what is added to the image at position `index` of its set, [H, W, 3]. */
  readonly start?: Start | ((index: number, size: number) => Float32Array);
  /** Keep the image in [0, 1] at every step (default), or only at the end. */
  readonly clampEachStep?: boolean;
}

/**
 * Projected gradient descent: `steps` sign steps inside the L∞ ball (Madry et al., 2018). What counts is the last image,
 * right or wrong, as in the published evaluations: a point that an earlier step broke does not leave.
 */
export const pgd = ({
  name = 'pgd',
  loss = crossEntropyLoss,
  epsilon = defaultEpsilon,
  stepSize,
  steps,
  start = 'uniform',
  clampEachStep = true,
}: PgdOptions): Attack => ({
  name,
  epsilon,
  async run(target, points, { rng, batchSize, report, finished, progress, pause }) {
    if (points.length === 0) return;
    const size = programSize(points.length, batchSize);
    const shape: [number, number, number, number] = [size, target.imageSize, target.imageSize, 3];
    const pixels = shape[1] * shape[2] * shape[3];
    const noiseOf = (index: number): Float32Array =>
      typeof start === 'function' ? start(index, pixels) : startNoise(start, pixels, epsilon, imageRng(rng, index));
    // Noise of one's own is added, as the 'gaussian' is, and not clamped.
    const from = typeof start === 'function' ? 'gaussian' : start;
    const variables = batchVariables(shape);
    const program = target.program(
      {
        enter: {
          inputs: batchInputs(from, shape),
          run: (_logits, inputs) => ({ updates: { ...enterBatch(from, inputs) } }),
        },
        step: {
          inputs: {},
          run(logits, _inputs, state) {
            const { x, labels, adversarial } = state as unknown as AttackedBatch;
            const climb = (image: tf.Tensor4D): tf.Tensor1D => loss(logits(image), labels);
            return {
              updates: { adversarial: signStep(climb, x, adversarial, { epsilon, stepSize, clamp: clampEachStep }) },
            };
          },
        },
      },
      { ...variables },
    );
    tf.dispose({ ...variables });
    try {
      for (let first = 0; first < points.length; first += size) {
        const count = Math.min(size, points.length - first);
        // The last batch is filled up with its first point; what comes of the surplus is dropped.
        const numbers = Array.from({ length: size }, (_, i) => first + (i < count ? i : 0));
        const { images, labels, indices } = points.read(numbers);
        const values = readOut(() => {
          const noise = new Float32Array(from === 'clean' ? 0 : size * pixels);
          if (from !== 'clean') for (let i = 0; i < count; i++) noise.set(noiseOf(indices[i]!), i * pixels);
          program.call('enter', {
            x: tf.tensor4d(images, shape),
            labels: tf.tensor1d(labels, 'int32'),
            ...(from === 'clean' ? {} : { noise: tf.tensor4d(noise, shape) }),
          });
          for (let i = 0; i < steps; i++) program.call('step', {});
          return program.read(['adversarial'])['adversarial']!.dataSync() as Float32Array;
        });
        for (let i = 0; i < count; i++) {
          report(first + i, values.subarray(i * pixels, (i + 1) * pixels));
          finished(first + i);
        }
        progress({ task: name, done: first + count, total: points.length });
        await pause();
      }
    } finally {
      program.dispose();
    }
  },
});

export const fgsm = (epsilon = defaultEpsilon): Attack => pgd({ name: 'fgsm', epsilon, ...fgsmSteps(epsilon) });

export const pgdSat = (epsilon = defaultEpsilon): Attack => pgd({ name: 'pgd-sat', epsilon, ...pgdSatSteps(epsilon) });

export const pgdTrades = (epsilon = defaultEpsilon): Attack =>
  pgd({ name: 'pgd-trades', epsilon, ...pgdTradesSteps(epsilon) });

export const cwLinf = (epsilon = defaultEpsilon): Attack =>
  pgd({ name: 'cw', epsilon, loss: carliniWagnerLoss(cwConfidence), ...cwLinfSteps(epsilon) });
