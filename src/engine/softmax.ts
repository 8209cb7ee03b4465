import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute, executeMany, onTensorFlow } from './kernels.js';

const float = [attribute.type('T', 'float32')];

const perRow = (dy: tf.Tensor): tf.Tensor => tf.reshape(dy, [dy.size, 1]);

const sparseKernel = defineKernel<{ logits: tf.Tensor; labels: tf.Tensor }, Record<string, never>>({
  name: 'SparseCrossEntropy',
  forward: ({ logits, labels }) =>
    executeMany(
      'SparseSoftmaxCrossEntropyWithLogits',
      [...float, attribute.type('Tlabels', 'int32')],
      [logits, labels],
      2,
    ),
  saveOutputs: [false, true],
  gradient: (dy, [slope]) => ({
    logits: () => tf.mul(perRow((dy as tf.Tensor[])[0]!), slope!),
    labels: () => {
      throw new Error('labels have no gradient');
    },
  }),
});

/**
 * Cross-entropy of every sample: −log softmax(logits)[label].
 * @param logits [B, C]
 * @param labels [B] int32
 * @returns [B]
 */
export const crossEntropy = (logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D => {
  if (onTensorFlow()) return sparseKernel({ logits, labels }, {})[0] as tf.Tensor1D;
  return tf.neg(tf.sum(tf.mul(tf.oneHot(labels, logits.shape[1]), tf.logSoftmax(logits)), 1));
};

const logSoftmaxKernel = defineKernel<{ logits: tf.Tensor }, Record<string, never>>({
  name: 'LogSoftmax',
  forward: ({ logits }) => execute('LogSoftmax', float, logits),
  saveOutputs: [true],
  gradient: (dy, [y]) => ({
    logits: () => tf.sub(dy as tf.Tensor, tf.mul(tf.sum(dy as tf.Tensor, -1, true), tf.exp(y!))),
  }),
});

/** log softmax along the last axis. `logits`: [B, C]. */
export const logSoftmax = (logits: tf.Tensor2D): tf.Tensor2D =>
  onTensorFlow() ? (logSoftmaxKernel({ logits }, {})[0] as tf.Tensor2D) : tf.logSoftmax(logits);

/**
 * softmax along the last axis, as exp(log softmax): TensorFlow's own Softmax is another kernel in a graph (oneDNN's) than
 * eagerly, with other roundings. `logits`: [B, C].
 */
export const softmax = (logits: tf.Tensor2D): tf.Tensor2D => tf.exp(logSoftmax(logits));

const denseKernel = defineKernel<{ logits: tf.Tensor; target: tf.Tensor }, Record<string, never>>({
  name: 'CrossEntropy',
  forward: ({ logits, target }) => executeMany('SoftmaxCrossEntropyWithLogits', float, [logits, target], 2),
  saveInputs: ['logits'],
  saveOutputs: [false, true],
  gradient: (dy, [logits, slope]) => ({
    logits: () => tf.mul(perRow((dy as tf.Tensor[])[0]!), slope!),
    target: () => tf.neg(tf.mul(perRow((dy as tf.Tensor[])[0]!), execute('LogSoftmax', float, logits!))),
  }),
});

/**
 * Cross-entropy of every sample with a distribution as the target: −Σ target · log softmax(logits). Differentiable in
 * both; the gradient with respect to the logits takes it that each target sums to 1.
 * @param logits [B, C]
 * @param target [B, C]
 * @returns [B]
 */
export const crossEntropyWith = (logits: tf.Tensor2D, target: tf.Tensor2D): tf.Tensor1D =>
  onTensorFlow()
    ? (denseKernel({ logits, target }, {})[0] as tf.Tensor1D)
    : tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1));

/**
 * Kullback-Leibler divergence of every sample, KL(softmax(teacher) ‖ softmax(student)), differentiable in both.
 * @param teacher [B, C] logits
 * @param student [B, C] logits
 * @returns [B]
 */
export const klDivergence = (teacher: tf.Tensor2D, student: tf.Tensor2D): tf.Tensor1D => {
  const logTarget = logSoftmax(teacher);
  const target = tf.exp(logTarget);
  return tf.add(crossEntropyWith(student, target), tf.sum(tf.mul(target, logTarget), 1));
};
