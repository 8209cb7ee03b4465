import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute, executeMany, onTensorFlow } from './kernels.js';

/** PyTorch's default: added to the variance before its root. */
const batchNormEpsilon = 1e-5;

export interface BatchNormWeights {
  readonly weight: tf.Tensor1D;
  readonly bias: tf.Tensor1D;
}

/** What a pass in training mode measured of its batch; `variance` is unbiased (n − 1), as PyTorch's running variance is. */
export interface BatchStatistics {
  readonly mean: tf.Tensor1D;
  readonly variance: tf.Tensor1D;
}

const attributes = (): ReturnType<typeof attribute.type>[] => [
  attribute.type('T', 'float32'),
  attribute.type('U', 'float32'),
  attribute.float('epsilon', batchNormEpsilon),
  attribute.string('data_format', 'NHWC'),
  attribute.bool('is_training', true),
];

const trainingKernel = defineKernel<{ x: tf.Tensor; weight: tf.Tensor; bias: tf.Tensor }, Record<string, never>>({
  name: 'BatchNorm',
  forward({ x, weight, bias }) {
    const empty = tf.tensor1d([], 'float32');
    const outputs = executeMany(
      'FusedBatchNormV3',
      [...attributes(), attribute.float('exponential_avg_factor', 1)],
      [x, weight, bias, empty, empty],
      6,
    );
    empty.dispose();
    // The sixth output is scratch space of cuDNN; the gradient wants it back.
    return outputs;
  },
  saveInputs: ['x', 'weight'],
  saveOutputs: [false, false, false, true, true, true],
  gradient(dy, [x, weight, reserve1, reserve2, reserve3]) {
    const [dx, dWeight, dBias] = executeMany(
      'FusedBatchNormGradV3',
      attributes(),
      [(dy as tf.Tensor[])[0]!, x!, weight!, reserve1!, reserve2!, reserve3!],
      5,
    );
    return { x: () => dx!, weight: () => dWeight!, bias: () => dBias! };
  },
});

/**
 * Batch norm in training mode: normalises by the batch's own statistics and returns them.
 * @param x [B, H, W, C]
 */
export const batchNorm = (
  x: tf.Tensor4D,
  { weight, bias }: BatchNormWeights,
): { y: tf.Tensor4D; statistics: BatchStatistics } => {
  if (onTensorFlow()) {
    const [y, mean, variance] = trainingKernel({ x, weight, bias }, {});
    return { y: y as tf.Tensor4D, statistics: { mean: mean as tf.Tensor1D, variance: variance as tf.Tensor1D } };
  }
  const { mean, variance } = tf.moments(x, [0, 1, 2]) as { mean: tf.Tensor1D; variance: tf.Tensor1D };
  const count = x.size / x.shape[3];
  return {
    y: tf.batchNorm(x, mean, variance, bias, weight, batchNormEpsilon),
    statistics: { mean, variance: tf.mul(variance, count / Math.max(count - 1, 1)) },
  };
};

/**
 * Batch norm in evaluation mode as an affine map: y = x · scale + shift with
 * scale = weight / √(variance + ε) and shift = bias − mean · scale.
 */
export const foldBatchNorm = (
  { weight, bias }: BatchNormWeights,
  { mean, variance }: BatchStatistics,
): { scale: tf.Tensor1D; shift: tf.Tensor1D } => {
  const scale = tf.mul(weight, tf.rsqrt(tf.add(variance, batchNormEpsilon)));
  return { scale: scale as tf.Tensor1D, shift: tf.sub(bias, tf.mul(mean, scale)) };
};

/** `running` moved towards what a batch measured: (1 − momentum) · running + momentum · batch. */
export const movingAverage = (running: tf.Tensor1D, batch: tf.Tensor1D, momentum: number): tf.Tensor1D =>
  tf.add(tf.mul(running, 1 - momentum), tf.mul(batch, momentum));

const affineKernel = defineKernel<{ x: tf.Tensor; scale: tf.Tensor; shift: tf.Tensor }, Record<string, never>>({
  name: 'Affine',
  forward: ({ x, scale, shift }) => {
    const scaled = execute('Mul', [attribute.type('T', 'float32')], x, scale);
    const shifted = execute(
      'BiasAdd',
      [attribute.type('T', 'float32'), attribute.string('data_format', 'NHWC')],
      scaled,
      shift,
    );
    scaled.dispose();
    return shifted;
  },
  saveInputs: ['x', 'scale'],
  gradient: (dy, [x, scale]) => ({
    x: () => tf.mul(dy as tf.Tensor, scale!),
    scale: () => tf.sum(tf.mul(dy as tf.Tensor, x!), [0, 1, 2]),
    shift: () => tf.sum(dy as tf.Tensor, [0, 1, 2]),
  }),
});

/** x · scale + shift along the last axis: batch norm in evaluation mode, normalisation of the input. `x`: [B, H, W, C]. */
export const affine = (x: tf.Tensor4D, scale: tf.Tensor1D, shift: tf.Tensor1D): tf.Tensor4D =>
  onTensorFlow() ? (affineKernel({ x, scale, shift }, {})[0] as tf.Tensor4D) : tf.add(tf.mul(x, scale), shift);
