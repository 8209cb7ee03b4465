import * as tf from '@tensorflow/tfjs-core';
import { detach } from '../engine/gradient.js';
import { crossEntropy } from '../engine/softmax.js';

/** What an attack ascends: a value for every sample, from its logits and its label. */
export type LogitLoss = (logits: tf.Tensor2D, labels: tf.Tensor1D) => tf.Tensor1D;

/** The same for an attack that aims at a class. */
export type TargetedLoss = (logits: tf.Tensor2D, labels: tf.Tensor1D, targets: tf.Tensor1D) => tf.Tensor1D;

/** Cross-entropy with the true label. */
export const crossEntropyLoss: LogitLoss = (logits, labels) => crossEntropy(logits, labels);

/** Larger than any logit: takes a class out of a maximum. */
const far = 1e10;

const oneHot = (classes: tf.Tensor1D, count: number): tf.Tensor2D =>
  tf.cast(tf.oneHot(classes, count), 'float32') as tf.Tensor2D;

/** The logits of one class a sample. */
export const logitOf = (logits: tf.Tensor2D, classes: tf.Tensor1D): tf.Tensor1D =>
  tf.sum(tf.mul(logits, oneHot(classes, logits.shape[1])), 1);

/** z_y − max_{j≠y} z_j: positive exactly where the sample is classified rightly. [B] */
export const margin: LogitLoss = (logits, labels) => {
  const own = oneHot(labels, logits.shape[1]);
  const others = tf.max(tf.sub(logits, tf.mul(own, far)), 1);
  return tf.sub(tf.sum(tf.mul(logits, own), 1), others);
};

/** Carlini & Wagner's loss with confidence κ, to be ascended: −max(z_y − max_{j≠y} z_j + κ, 0). */
export const carliniWagnerLoss =
  (confidence: number): LogitLoss =>
  (logits, labels) =>
    tf.neg(tf.relu(tf.add(margin(logits, labels), confidence)));

/** The classes of the `count` largest logits, [B] each, largest first. */
const leading = (logits: tf.Tensor2D, count: number): tf.Tensor1D[] =>
  // Which class is the largest has no gradient.
  tf.unstack(tf.topk(detach(logits), count).indices, 1) as tf.Tensor1D[];

/** Added to the denominators of the DLR losses, so that equal logits do not divide by zero. */
const tiny = 1e-12;

/**
 * The difference-of-logits-ratio loss (Croce & Hein, 2020, eq. 5), to be ascended: −(z_y − max_{j≠y} z_j) / (π₁ − π₃),
 * π₁ ≥ π₂ ≥ … being the logits in order. It does not change when the logits are shifted, or scaled by a positive factor.
 * Needs three classes.
 */
export const dlrLoss: LogitLoss = (logits, labels) => {
  const [first, second, third] = leading(logits, 3) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
  const rival = tf.where(tf.equal(first, labels), second, first);
  const gap = tf.sub(logitOf(logits, labels), logitOf(logits, rival));
  return tf.neg(tf.div(gap, tf.add(tf.sub(logitOf(logits, first), logitOf(logits, third)), tiny)));
};

/**
 * The targeted DLR loss (Croce & Hein, 2020, eq. 6), to be ascended: −(z_y − z_t) / (π₁ − ½(π₃ + π₄)). Needs four classes.
 */
export const targetedDlrLoss: TargetedLoss = (logits, labels, targets) => {
  const [first, , third, fourth] = leading(logits, 4) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
  const gap = tf.sub(logitOf(logits, labels), logitOf(logits, targets));
  const tail = tf.mul(tf.add(logitOf(logits, third), logitOf(logits, fourth)), 0.5);
  return tf.neg(tf.div(gap, tf.add(tf.sub(logitOf(logits, first), tail), tiny)));
};

/** 1 where the label's logit is the largest, else 0. [B] */
export const isRight = (logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D =>
  tf.cast(tf.equal(tf.cast(tf.argMax(logits, 1), 'int32'), labels), 'float32');

/** The classes of a sample by their logits, largest first. Equal logits stay in the order of the classes. */
export const rankedClasses = (logits: Float32Array): number[] =>
  Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
