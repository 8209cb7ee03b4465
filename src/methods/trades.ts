import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { klDivergence } from '../engine/softmax.js';
import { batchDivergence, meanCrossEntropy } from './losses.js';
import { defineMethod } from './method.js';
import { commonRecipe, gaussianPgd10 } from './common-recipe.js';
import { atEpoch } from './schedule.js';

const settings = {
  beta: z.number().min(0).default(6).describe('Weight β of the robust term, 1/λ in the paper (published code: 6)'),
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
  { beta, labelSmoothing = 0 }: { readonly beta: number; readonly labelSmoothing?: number },
): { loss: tf.Scalar; supervised: tf.Scalar; divergence: tf.Scalar } => {
  const supervised = meanCrossEntropy(natural, labels, labelSmoothing);
  const divergence = batchDivergence(natural, adversarial);
  return { loss: tf.add(supervised, tf.mul(divergence, beta)), supervised, divergence };
};

/** TRADES (Zhang et al., 2019): the student's own answer on x is what x' is to keep to. */
export const trades = defineMethod({
  name: 'trades',
  title: 'TRADES',
  source: 'Zhang et al., ICML 2019, and its published code (β 6, ε .031, steps of .007)',
  teachers: {},
  settings,
  recipe: {
    ...commonRecipe,
    epochs: 76,
    optimiser: {
      learningRate: { kind: 'steps', rate: 0.1, at: [atEpoch(75, 76)], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: { ...gaussianPgd10, epsilon: 0.031, stepSize: 0.007 },
  },
  // The weights rest while x' is sought, and so does the answer that it is driven away from.
  prepare: ({ student, x }) => ({ naturalLogits: student.evaluate(x) }),
  ascend: (adversarial, { student, prepared }) =>
    klDivergence(prepared['naturalLogits'] as tf.Tensor2D, student.evaluate(adversarial)),
  objective(adversarial, { student, x, labels, labelSmoothing, settings: { beta } }) {
    const logits = { natural: student.train(x), adversarial: student.train(adversarial) };
    // The published code passes x once for each term. The logits are the same; the running statistics count x twice.
    student.train(x);
    const { loss, supervised, divergence } = tradesLoss(logits, labels, { beta, labelSmoothing });
    return { student: loss, terms: { loss, natural: supervised, adversarial: divergence } };
  },
});
