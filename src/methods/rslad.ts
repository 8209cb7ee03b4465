import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { klDivergence, softmax } from '../engine/softmax.js';
import { tenClassDivergence } from './losses.js';
import { defineMethod } from './method.js';
import { commonRecipe, gaussianPgd10 } from './common-recipe.js';
import { atEpoch } from './schedule.js';

const settings = {
  adversarialShare: z
    .number()
    .min(0)
    .max(1)
    .default(5 / 6)
    .describe("Share of the adversarial term in the loss, the rest is the natural one's (paper: 5/6)"),
};

/**
 * 5/6 · KLe(T(x) ‖ S(x')) + 1/6 · KLe(T(x) ‖ S(x)), times C/10: as it is with ten classes, times 10 with a hundred, as the
 * published code has it for CIFAR-100.
 *
 * @param teacher logits on x, [B, C]
 * @param natural the student's logits on x, [B, C]
 * @param adversarial its logits on x', [B, C]
 */
export const rsladLoss = (
  teacher: tf.Tensor2D,
  { natural, adversarial }: { readonly natural: tf.Tensor2D; readonly adversarial: tf.Tensor2D },
  adversarialShare: number,
): { loss: tf.Scalar; adversarial: tf.Scalar; natural: tf.Scalar } => {
  const target = softmax(teacher);
  const terms = { adversarial: tenClassDivergence(target, adversarial), natural: tenClassDivergence(target, natural) };
  return {
    loss: tf.add(tf.mul(terms.adversarial, adversarialShare), tf.mul(terms.natural, 1 - adversarialShare)),
    ...terms,
  };
};

/** Robust soft label adversarial distillation (Zi et al., 2021): the teacher's answer on x, in place of every label. */
export const rslad = defineMethod({
  name: 'rslad',
  title: 'RSLAD',
  source: 'Zi et al., ICCV 2021, and its published code',
  teachers: { robust: 'frozen' },
  settings,
  recipe: {
    ...commonRecipe,
    epochs: 300,
    optimiser: {
      learningRate: {
        kind: 'steps',
        rate: 0.1,
        at: [atEpoch(215, 300), atEpoch(260, 300), atEpoch(285, 300)],
        factor: 0.1,
      },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: gaussianPgd10,
  },
  prepare: ({ robustTeacher, x }) => ({ teacherLogits: robustTeacher.evaluate(x) }),
  ascend: (adversarial, { student, prepared }) =>
    klDivergence(prepared['teacherLogits'] as tf.Tensor2D, student.evaluate(adversarial)),
  objective(adversarial, { student, x, prepared, settings: { adversarialShare } }) {
    const logits = { adversarial: student.train(adversarial), natural: student.train(x) };
    const { loss, ...terms } = rsladLoss(prepared['teacherLogits'] as tf.Tensor2D, logits, adversarialShare);
    return { student: loss, terms: { loss, ...terms } };
  },
});
