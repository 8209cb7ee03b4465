import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { detach } from '../engine/gradient.js';
import { crossEntropy, klDivergence } from '../engine/softmax.js';
import { batchDivergence, probabilityOf } from './losses.js';
import { defineMethod } from './method.js';
import { commonRecipe, uniformPgd10 } from './common-recipe.js';
import { atEpoch } from './schedule.js';

const settings = {
  warmUp: z
    .number()
    .min(0)
    .max(1)
    .default(60 / 200)
    .describe('How long the teacher is trusted wholly, a fraction of the run (published code: 60 of 200 epochs)'),
  beta: z.number().min(0).default(0.1).describe("Exponent β of the trust T(y | x')^β (paper: .1)"),
};

/**
 * How far the teacher is trusted on each sample: T(y | x')^β, a constant for the gradient. [B]
 * @param teacher logits on x', [B, C]
 */
export const iadTrust = (teacher: tf.Tensor2D, labels: tf.Tensor1D, beta: number): tf.Tensor1D =>
  detach(tf.pow(probabilityOf(teacher, labels), beta));

/**
 * The student's introspection: the batch mean of (1 − trust) · KL(S(x) ‖ S(x')). As in the published code the gradient
 * flows through both branches.
 *
 * @param natural the student's logits on x, [B, C]
 * @param adversarial its logits on x', [B, C]
 */
export const iadIntrospection = (
  { natural, adversarial }: { readonly natural: tf.Tensor2D; readonly adversarial: tf.Tensor2D },
  trust: tf.Tensor1D,
): tf.Scalar => tf.mean(tf.mul(klDivergence(natural, adversarial), tf.sub(1, trust)));

/**
 * Introspective adversarial distillation, variant I (Zhu et al., 2022): where the teacher is unsure of x' itself, the
 * student keeps to its own answer on x.
 */
export const iad = defineMethod({
  name: 'iad',
  title: 'IAD-I',
  source: 'Zhu et al., ICLR 2022, and its published code of IAD-I (T 1, β .1, introspection after epoch 60)',
  teachers: { robust: 'frozen' },
  settings,
  recipe: {
    ...commonRecipe,
    epochs: 200,
    optimiser: {
      // As with ARD, whose code it grew from, the published second milestone leaves the rate at .01.
      learningRate: { kind: 'steps', rate: 0.1, at: [atEpoch(100, 200), atEpoch(150, 200)], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: uniformPgd10,
  },
  phases: ['teacher', 'introspection'],
  phase: ({ progress, settings }) => (progress >= settings.warmUp ? 'introspection' : 'teacher'),
  prepare: ({ robustTeacher, x }) => ({ teacherLogits: robustTeacher.evaluate(x) }),
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
  objective(adversarial, { student, robustTeacher, x, labels, prepared, settings }, phase) {
    const logits = { adversarial: student.train(adversarial), natural: student.train(x) };
    const divergence = batchDivergence(prepared['teacherLogits'] as tf.Tensor2D, logits.adversarial);
    if (phase === 'teacher') return { student: divergence, terms: { loss: divergence, adversarial: divergence } };
    const trust = iadTrust(robustTeacher.evaluate(adversarial), labels, settings.beta);
    const introspection = iadIntrospection(logits, trust);
    const loss: tf.Scalar = tf.add(divergence, introspection);
    return { student: loss, terms: { loss, adversarial: divergence, introspection, trust: tf.mean(trust) } };
  },
});
