import * as tf from '@tensorflow/tfjs-core';
import { crossEntropy, crossEntropyWith, klDivergence, softmax } from '../engine/softmax.js';

// In all losses a constant divides by its reciprocal: in a graph TensorFlow makes it so, and what runs kernel by kernel is to
// equal it bit for bit.

/** Added to a probability before its logarithm, by the published CIARD, MTARD and RSLAD code. */
const logFloor = 1e-5;

/**
 * Mean cross-entropy. Smoothed, the label's probability is 1 − s + s/C and that of each other class s/C (Szegedy et al.,
 * 2016; PyTorch's `label_smoothing`).
 *
 * @param logits [B, C]
 * @param labels [B]
 * @param smoothing s, in [0, 1)
 */
export const meanCrossEntropy = (logits: tf.Tensor2D, labels: tf.Tensor1D, smoothing = 0): tf.Scalar => {
  if (smoothing === 0) return tf.mean(crossEntropy(logits, labels));
  const classes = logits.shape[1];
  const hard = tf.cast(tf.oneHot(labels, classes), 'float32');
  return tf.mean(crossEntropyWith(logits, tf.add(tf.mul(hard, 1 - smoothing), smoothing / classes)));
};

/**
 * Σ p · (log(p + 1e-5) − log softmax(logits)) of every sample: the divergence of the published CIARD, MTARD and RSLAD
 * code. [B]
 */
export const flooredDivergence = (probabilities: tf.Tensor2D, logits: tf.Tensor2D): tf.Tensor1D =>
  tf.add(
    tf.sum(tf.mul(probabilities, tf.log(tf.add(probabilities, logFloor))), 1),
    crossEntropyWith(logits, probabilities),
  );

/** The same as a mean over samples and classes: KLe(p ‖ softmax(logits)), 1/C of a batch mean. */
export const elementDivergence = (probabilities: tf.Tensor2D, logits: tf.Tensor2D): tf.Scalar =>
  tf.mul(tf.mean(flooredDivergence(probabilities, logits)), 1 / probabilities.shape[1]);

/**
 * KLe · C/10: of the size that KLe has with ten classes, whatever their number. So the published RSLAD and MTARD code
 * trains, which leaves KLe as it is on CIFAR-10 and multiplies it by 10 on CIFAR-100.
 */
export const tenClassDivergence = (probabilities: tf.Tensor2D, logits: tf.Tensor2D): tf.Scalar =>
  tf.mul(tf.mean(flooredDivergence(probabilities, logits)), 1 / 10);

/** KL(softmax(teacher) ‖ softmax(student)) as a mean over samples. */
export const batchDivergence = (teacher: tf.Tensor2D, student: tf.Tensor2D): tf.Scalar =>
  tf.mean(klDivergence(teacher, student));

/** softmax(logits / temperature). */
export const tempered = (logits: tf.Tensor2D, temperature: tf.Tensor | number): tf.Tensor2D =>
  softmax(tf.div(logits, temperature));

/** Mean over samples and classes of p · log(p + 1e-5), the (negative) entropy of the published B-MTARD and CIARD code. */
export const elementEntropy = (probabilities: tf.Tensor2D): tf.Scalar =>
  tf.mean(tf.mul(probabilities, tf.log(tf.add(probabilities, logFloor))));

/** The probability that `logits` give to the label of each sample. [B] */
export const probabilityOf = (logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D =>
  tf.exp(tf.neg(crossEntropy(logits, labels)));
