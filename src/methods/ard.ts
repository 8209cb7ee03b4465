import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { crossEntropy } from '../engine/softmax.js';
import { batchDivergence, meanCrossEntropy } from './losses.js';
import { defineMethod } from './method.js';
import { commonRecipe, uniformPgd10 } from './common-recipe.js';
import { atEpoch } from './schedule.js';

const settings = {
  temperature: z
    .number()
    .positive()
    .default(30)
    .describe("T, which softens both networks' answers (published code: 30)"),
  alpha: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of the distillation in the loss, the rest is cross-entropy on clean images (published code: 1)'),
};

/**
 * T² · KL(softmax(teacher / T) ‖ softmax(student / T)), a mean over samples and classes as the published code takes it
 * (1/C of the batch mean).
 *
 * @param teacher logits on x, [B, C]
 * @param student logits on x', [B, C]
 * @param temperature scalar
 */
export const ardDivergence = (
  { teacher, student }: { readonly teacher: tf.Tensor2D; readonly student: tf.Tensor2D },
  temperature: tf.Tensor,
): tf.Scalar =>
  tf.mul(
    batchDivergence(tf.div(teacher, temperature), tf.div(student, temperature)),
    tf.mul(tf.square(temperature), 1 / student.shape[1]),
  );

/** Adversarially robust distillation (Goldblum et al., 2020): the teacher's answer on x is what S(x') is to give. */
export const ard = defineMethod({
  name: 'ard',
  title: 'ARD',
  source: 'Goldblum et al., AAAI 2020, and its published code (T 30, α 1)',
  teachers: { robust: 'frozen' },
  settings,
  recipe: {
    ...commonRecipe,
    epochs: 200,
    optimiser: {
      // The published code computes the second milestone's rate from .1 again, so that it stays at .01. Ours is the paper's.
      learningRate: { kind: 'steps', rate: 0.1, at: [atEpoch(100, 200), atEpoch(150, 200)], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: uniformPgd10,
  },
  // Given to the program, not written into it: TensorFlow would multiply by a constant's reciprocal.
  scalars: ({ settings: { temperature } }) => ({ temperature }),
  prepare: ({ robustTeacher, x }) => ({ teacherLogits: robustTeacher.evaluate(x) }),
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
  objective(adversarial, { student, x, labels, labelSmoothing, prepared, scalars, settings: { alpha } }) {
    const teacher = prepared['teacherLogits'] as tf.Tensor2D;
    const divergence = ardDivergence({ teacher, student: student.train(adversarial) }, scalars['temperature']!);
    // Passed also where nothing is asked of it: the running statistics are to know clean images.
    const natural = student.train(x);
    if (alpha === 1) return { student: divergence, terms: { loss: divergence } };
    const supervised = meanCrossEntropy(natural, labels, labelSmoothing);
    const loss: tf.Scalar = tf.add(tf.mul(divergence, alpha), tf.mul(supervised, 1 - alpha));
    return { student: loss, terms: { loss, adversarial: divergence, natural: supervised } };
  },
});
