import * as tf from '@tensorflow/tfjs-core';
import { carliniWagnerLoss, crossEntropyLoss, type LogitLoss } from './attack-losses.js';
import { perImage, type Attack } from './attack.js';
import { signStep } from './sign-step.js';
import { defaultEpsilon, startFrom, startNoise, type Start } from './threat-model.js';

export interface PgdOptions {
  readonly name?: string;
  readonly loss?: LogitLoss;
  readonly epsilon?: number;
  readonly stepSize: number;
  readonly steps: number;
  readonly start?: Start;
  /** Keep the image in [0, 1] at every step (default), or only at the end. */
  readonly clampEachStep?: boolean;
}

/** Projected gradient descent: `steps` sign steps inside the L∞ ball (Madry et al., 2018). */
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
  prepare(target) {
    const image = { shape: target.imageShape };
    const program = target.program({
      step: {
        inputs: { x: image, adversarial: image, labels: { shape: [target.batchSize], dtype: 'int32' } },
        run: (logits, { x, adversarial, labels }) => ({
          adversarial: signStep(
            (moved) => loss(logits(moved), labels as tf.Tensor1D),
            x as tf.Tensor4D,
            adversarial as tf.Tensor4D,
            { epsilon, stepSize, clamp: clampEachStep },
          ),
        }),
      },
    });
    return {
      perturb(batch) {
        return tf.tidy(() => {
          const noise = perImage(batch, target.imageShape, (size, rng) => startNoise(start, size, epsilon, rng));
          let adversarial = startFrom(start, batch.images, noise);
          for (let i = 0; i < steps; i++) {
            const previous = adversarial;
            adversarial = program.call('step', { x: batch.images, adversarial, labels: batch.labels })[
              'adversarial'
            ] as tf.Tensor4D;
            if (previous !== batch.images) previous.dispose();
          }
          return adversarial;
        });
      },
      dispose: () => {
        program.dispose();
      },
    };
  },
});

/** The fast gradient sign method (Goodfellow et al., 2015): one step of size ε from the image. */
export const fgsm = (epsilon = defaultEpsilon): Attack =>
  pgd({ name: 'fgsm', epsilon, stepSize: epsilon, steps: 1, start: 'clean' });

/** The paper's PGD_sat: uniform start, 20 steps of ε/4 (2/255 at 8/255). */
export const pgdSat = (epsilon = defaultEpsilon): Attack =>
  pgd({ name: 'pgd-sat', epsilon, stepSize: epsilon / 4, steps: 20 });

/** The paper's PGD_trades: the same with steps of .003, in proportion to ε. */
export const pgdTrades = (epsilon = defaultEpsilon): Attack =>
  pgd({ name: 'pgd-trades', epsilon, stepSize: (0.003 * epsilon) / defaultEpsilon, steps: 20 });

/** The paper's CW∞: 30 steps of ε/4 on Carlini & Wagner's loss with κ 50, from the image, clamped at the end alone. */
export const cwLinf = (epsilon = defaultEpsilon): Attack =>
  pgd({
    name: 'cw',
    loss: carliniWagnerLoss(50),
    epsilon,
    stepSize: epsilon / 4,
    steps: 30,
    start: 'clean',
    clampEachStep: false,
  });
