import * as tf from '@tensorflow/tfjs-core';
import { detach } from '../engine/gradient.js';
import { crossEntropy, klDivergence } from '../engine/softmax.js';
import { batchDivergence, probabilityOf } from './losses.js';
import type { Method } from './method.js';
import { commonRecipe, uniformPgd10 } from './recipes.js';

const settings = {
  /** The last epoch that trusts the teacher wholly. */
  warmUp: 60,
  /** The exponent β of the trust. */
  beta: 0.1,
};

/**
 * How far the teacher is trusted on each sample: T(y | x')^β, a constant for the gradient. [B]
 * @param teacher logits on x', [B, C]
 */
export const iadTrust = (teacher: tf.Tensor2D, labels: tf.Tensor1D, beta = settings.beta): tf.Tensor1D =>
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
export const iad: Method = {
  name: 'iad',
  title: 'IAD-I',
  source: 'Zhu et al., ICLR 2022, and its published code of IAD-I (T 1, β .1, introspection after epoch 60)',
  teachers: { robust: 'frozen' },
  recipe: {
    ...commonRecipe,
    epochs: 200,
    writtenFor: 200,
    optimiser: {
      // As with ARD, whose code it grew from, the published second milestone leaves the rate at .01.
      learningRate: { kind: 'steps', rate: 0.1, at: [100, 150], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: uniformPgd10,
    settings,
  },
  phases: ['teacher', 'introspection'],
  phase: ({ epoch, settings: given }) => (epoch > { ...settings, ...given }.warmUp ? 'introspection' : 'teacher'),
  prepare: ({ robustTeacher, x }) => ({ teacherLogits: robustTeacher.evaluate(x) }),
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
  objective(adversarial, { student, robustTeacher, x, labels, prepared, settings: given }, phase) {
    const { beta } = { ...settings, ...given };
    const logits = { adversarial: student.train(adversarial), natural: student.train(x) };
    const divergence = batchDivergence(prepared['teacherLogits'] as tf.Tensor2D, logits.adversarial);
    if (phase === 'teacher') return { student: divergence, terms: { loss: divergence, adversarial: divergence } };
    const trust = iadTrust(robustTeacher.evaluate(adversarial), labels, beta);
    const introspection = iadIntrospection(logits, trust);
    const loss: tf.Scalar = tf.add(divergence, introspection);
    return { student: loss, terms: { loss, adversarial: divergence, introspection, trust: tf.mean(trust) } };
  },
};
