import * as tf from '@tensorflow/tfjs-core';
import { detach } from '../engine/gradient.js';
import { logSoftmax, softmax } from '../engine/softmax.js';
import type { EpochContext } from './method.js';

/** Takes the place of a loss that is zero, whose logarithm is about to be taken. */
const tiny = 1e-7;

/**
 * The push loss: how far the student is, on x', from what the clean teacher says where the clean teacher is wrong,
 * D = {argmax T_clean(x') ≠ y}. The mean over D and the classes of p · (log(p + 1e-5) − log softmax(S(x')/T)). It is
 * subtracted from the loss, so that the student diverges from those answers. Zero where D is empty.
 *
 * @param cleanTeacher [B, C] logits on x' (or x)
 * @param student [B, C] logits on the same
 * @param temperature T softens the student's answers, so that the gradient does not die where it is sure (published: 5)
 */
export const pushLoss = (
  cleanTeacher: tf.Tensor2D,
  student: tf.Tensor2D,
  labels: tf.Tensor1D,
  temperature = 5,
): { loss: tf.Scalar; wrong: tf.Scalar } => {
  const classes = student.shape[1];
  const isWrong = tf.cast(tf.notEqual(tf.argMax(cleanTeacher, 1), labels), 'float32');
  const count = tf.sum(isWrong);
  const p = softmax(cleanTeacher);
  const perSample = tf.sum(tf.mul(p, tf.sub(tf.log(tf.add(p, 1e-5)), logSoftmax(tf.mul(student, 1 / temperature)))), 1);
  const total = tf.sum(tf.mul(perSample, isWrong));
  return { loss: tf.div(total, tf.mul(tf.maximum(count, 1), classes)), wrong: tf.mul(count, 1 / labels.size) };
};

/** ⌊lg value⌋, of a positive value. */
const magnitude = (value: tf.Scalar): tf.Scalar => tf.floor(tf.mul(tf.log(value), Math.LOG10E));

const awayFromZero = (value: tf.Scalar): tf.Scalar =>
  tf.add(value, tf.mul(tf.cast(tf.equal(value, 0), 'float32'), tiny));

/**
 * The weight of the push loss in the published code: a power of ten that brings it to the size of the smaller of the
 * other two, 10^(min(⌊lg L1⌋, ⌊lg L2⌋) − ⌊lg L3⌋). A constant for the gradient.
 */
export const pushScale = (adversarial: tf.Scalar, natural: tf.Scalar, push: tf.Scalar): tf.Scalar => {
  const [l1, l2, l3] = [adversarial, natural, push].map((value) => magnitude(awayFromZero(detach(value))));
  return tf.pow<tf.Scalar>(10, tf.sub(tf.minimum(l1!, l2!), l3!));
};

/**
 * The push weight of CIARD as its paper describes it: it adapts to the robustness measured on held-out images. The paper
 * gives no rule. Here it grows after each validation that was as robust as the best before it, and shrinks after one that
 * was not, up to `most`, from a tenth of it.
 *
 * @param rule 'adaptive': it grows by a tenth and halves, so that some 25 validations of a run of hundreds make it whole.
 *   'adaptive-in-run': it grows as fast as makes it whole in a quarter of the run, however many validations that is, and
 *   shrinks twice as fast
 */
export const adaptedPushWeight = (
  most: number,
  validations: EpochContext['validations'],
  rule: 'adaptive' | 'adaptive-in-run',
): number => {
  let weight = most / 10;
  let best = 0;
  for (const { robust, part } of validations) {
    const grown = rule === 'adaptive' ? 1.1 : 10 ** (4 * part);
    const shrunk = rule === 'adaptive' ? 2 : grown ** 2;
    weight = robust >= best ? Math.min(most, weight * grown) : weight / shrunk;
    best = Math.max(best, robust);
  }
  return weight;
};
