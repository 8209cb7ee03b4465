import * as tf from '@tensorflow/tfjs-core';
import { klDivergence } from '../engine/softmax.js';
import { batchDivergence, meanCrossEntropy } from './losses.js';
import type { Method } from './method.js';
import { commonRecipe, gaussianPgd10 } from './recipes.js';

const settings = {
  /** Weight of the robust term, 1/λ in the paper. */
  beta: 6,
};

/**
 * CE(S(x), y) + β · KL(S(x) ‖ S(x')), both batch means; the gradient flows through both branches of the divergence.
 *
 * @param natural the student's logits on x, [B, C]
 * @param adversarial its logits on x', [B, C]
 */
export const tradesLoss = (
  { natural, adversarial }: { readonly natural: tf.Tensor2D; readonly adversarial: tf.Tensor2D },
  labels: tf.Tensor1D,
  beta = settings.beta,
): { loss: tf.Scalar; supervised: tf.Scalar; divergence: tf.Scalar } => {
  const supervised = meanCrossEntropy(natural, labels);
  const divergence = batchDivergence(natural, adversarial);
  return { loss: tf.add(supervised, tf.mul(divergence, beta)), supervised, divergence };
};

/** TRADES (Zhang et al., 2019): the student's own answer on x is what x' is to keep to. */
export const trades: Method = {
  name: 'trades',
  title: 'TRADES',
  source: 'Zhang et al., ICML 2019, and its published code (β 6, ε .031, steps of .007)',
  teachers: {},
  recipe: {
    ...commonRecipe,
    epochs: 76,
    writtenFor: 76,
    optimiser: {
      learningRate: { kind: 'steps', rate: 0.1, at: [75], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: { ...gaussianPgd10, epsilon: 0.031, stepSize: 0.007 },
    settings,
  },
  // The weights rest while x' is sought, and so does the answer that it is driven away from.
  prepare: ({ student, x }) => ({ naturalLogits: student.evaluate(x) }),
  ascend: (adversarial, { student, prepared }) =>
    klDivergence(prepared['naturalLogits'] as tf.Tensor2D, student.evaluate(adversarial)),
  objective(adversarial, { student, x, labels, settings: given }) {
    const { beta } = { ...settings, ...given };
    const logits = { natural: student.train(x), adversarial: student.train(adversarial) };
    // The published code passes x once for each term. The logits are the same; the running statistics count x twice.
    student.train(x);
    const { loss, supervised, divergence } = tradesLoss(logits, labels, beta);
    return { student: loss, terms: { loss, natural: supervised, adversarial: divergence } };
  },
};
