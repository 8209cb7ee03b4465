import * as tf from '@tensorflow/tfjs-core';
import { crossEntropy } from '../engine/softmax.js';

/** What an attack ascends: a value for every sample, from its logits and its label. */
export type LogitLoss = (logits: tf.Tensor2D, labels: tf.Tensor1D) => tf.Tensor1D;

/** Cross-entropy with the true label. */
export const crossEntropyLoss: LogitLoss = (logits, labels) => crossEntropy(logits, labels);

/** Larger than any logit: takes a class out of a maximum. */
const far = 1e10;

/** z_y − max_{j≠y} z_j: positive exactly where the sample is classified rightly. [B] */
export const margin: LogitLoss = (logits, labels) => {
  const own = tf.cast(tf.oneHot(labels, logits.shape[1]), 'float32');
  const others = tf.max(tf.sub(logits, tf.mul(own, far)), 1);
  return tf.sub(tf.sum(tf.mul(logits, own), 1), others);
};

/** Carlini & Wagner's loss with confidence κ, to be ascended: −max(z_y − max_{j≠y} z_j + κ, 0). */
export const carliniWagnerLoss =
  (confidence: number): LogitLoss =>
  (logits, labels) =>
    tf.neg(tf.relu(tf.add(margin(logits, labels), confidence)));
