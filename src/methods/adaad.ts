import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { klDivergence } from '../engine/softmax.js';
import { batchDivergence } from './losses.js';
import { defineMethod } from './method.js';
import { commonRecipe, gaussianPgd10 } from './common-recipe.js';
import { atEpoch } from './schedule.js';

const settings = {
  alpha: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of the adversarial term in the loss, the rest is KL(T(x) ‖ S(x)) (published code: 1)'),
  scale: z
    .number()
    .positive()
    .default(1)
    .describe(
      'Factor of the loss, a batch mean. The published code takes the batch mean on CIFAR-100 alone, and on CIFAR-10 the ' +
        'mean over the classes too: .1 is what it does there',
    ),
};

/**
 * Adaptive adversarial distillation (Huang et al., 2023): x' is where student and teacher differ most, and it is there
 * that the student is to answer as the teacher does. The teacher moves with x', so the gradient of the search goes through
 * both networks.
 */
export const adaad = defineMethod({
  name: 'adaad',
  title: 'AdaAD',
  source: 'Huang et al., CVPR 2023, and its published code (α 1)',
  teachers: { robust: 'frozen' },
  settings,
  recipe: {
    ...commonRecipe,
    epochs: 200,
    optimiser: {
      learningRate: { kind: 'steps', rate: 0.1, at: [atEpoch(100, 200), atEpoch(150, 200)], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 5e-4,
    },
    attack: gaussianPgd10,
  },
  ascend: (adversarial, { student, robustTeacher }) =>
    klDivergence(robustTeacher.evaluate(adversarial), student.evaluate(adversarial)),
  objective(adversarial, { student, robustTeacher, x, settings: { alpha, scale } }) {
    // Passed also where nothing is asked of it: the running statistics are to know clean images.
    const studentNatural = student.train(x);
    const divergence = batchDivergence(robustTeacher.evaluate(adversarial), student.train(adversarial));
    if (alpha === 1) {
      const loss: tf.Scalar = tf.mul(divergence, scale);
      return { student: loss, terms: { loss, adversarial: divergence } };
    }
    const natural = batchDivergence(robustTeacher.evaluate(x), studentNatural);
    const loss: tf.Scalar = tf.mul(tf.add(tf.mul(divergence, alpha), tf.mul(natural, 1 - alpha)), scale);
    return { student: loss, terms: { loss, adversarial: divergence, natural } };
  },
});
