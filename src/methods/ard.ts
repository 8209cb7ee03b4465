import * as tf from '@tensorflow/tfjs-core';
import { crossEntropy } from '../engine/softmax.js';
import { batchDivergence, meanCrossEntropy } from './losses.js';
import type { Method } from './method.js';
import { commonRecipe, uniformPgd10 } from './recipes.js';

const settings = {
  temperature: 30,
  /** Share of the distillation in the loss; the rest is cross-entropy on clean images. */
  alpha: 1,
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
export const ard: Method = {
  name: 'ard',
  title: 'ARD',
  source: 'Goldblum et al., AAAI 2020, and its published code (T 30, α 1)',
  teachers: { robust: 'frozen' },
  recipe: {
    ...commonRecipe,
    epochs: 200,
    writtenFor: 200,
    optimiser: {
      // The published code computes the second milestone's rate from .1 again, so that it stays at .01. Ours is the paper's.
      learningRate: { kind: 'steps', rate: 0.1, at: [100, 150], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: uniformPgd10,
    settings,
  },
  // Given to the program, not written into it: TensorFlow would multiply by a constant's reciprocal.
  scalars: ({ settings: given }) => ({ temperature: { ...settings, ...given }.temperature }),
  prepare: ({ robustTeacher, x }) => ({ teacherLogits: robustTeacher.evaluate(x) }),
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
  objective(adversarial, { student, x, labels, prepared, scalars, settings: given }) {
    const { alpha } = { ...settings, ...given };
    const teacher = prepared['teacherLogits'] as tf.Tensor2D;
    const divergence = ardDivergence({ teacher, student: student.train(adversarial) }, scalars['temperature']!);
    // Passed also where nothing is asked of it: the running statistics are to know clean images.
    const natural = student.train(x);
    if (alpha === 1) return { student: divergence, terms: { loss: divergence } };
    const supervised = meanCrossEntropy(natural, labels);
    const loss: tf.Scalar = tf.add(tf.mul(divergence, alpha), tf.mul(supervised, 1 - alpha));
    return { student: loss, terms: { loss, adversarial: divergence, natural: supervised } };
  },
};
