import * as tf from '@tensorflow/tfjs-core';
import { activations } from '../engine/activation.js';
import { affine, batchNorm, foldBatchNorm, movingAverage } from '../engine/batch-norm.js';
import { addBias, convolution, depthwiseConvolution, linear } from '../engine/convolution.js';
import type { Tensors } from '../engine/gradient.js';
import { globalAveragePool, subsample } from '../engine/pooling.js';
import type { Declaration } from './declare.js';
import type { ConvolutionLayer, Layers } from './layers.js';

/** PyTorch's default: how far running statistics move towards those of a batch. */
const batchNormMomentum = 0.1;

const get = (weights: Tensors, name: string): tf.Tensor => {
  const tensor = weights[name];
  if (!tensor) throw new Error(`forward: there is no variable ${name}`);
  return tensor;
};

const convolve = (
  depthwise: boolean,
  x: tf.Tensor4D,
  filter: tf.Tensor,
  { stride = 1, padding = 0 }: ConvolutionLayer,
  biasFollows: boolean,
): tf.Tensor4D =>
  (depthwise ? depthwiseConvolution : convolution)(x, filter as tf.Tensor4D, { stride, padding, biasFollows });

// What is the same whether a network trains or is evaluated.
const sharedLayers = {
  subsample: (x: tf.Tensor, stride: number) => subsample(x as tf.Tensor4D, stride),
  padChannels: (x: tf.Tensor, before: number, after: number) =>
    tf.pad(x as tf.Tensor4D, [
      [0, 0],
      [0, 0],
      [0, 0],
      [before, after],
    ]),
  globalAveragePool: (x: tf.Tensor) => globalAveragePool(x as tf.Tensor4D),
  flatten: (x: tf.Tensor) => tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [x.shape[0], -1]),
};

/** The layers of a pass in training mode. New running statistics are put into `statistics`, by variable. */
export const trainingLayers = (weights: Tensors, statistics: Record<string, tf.Tensor>): Layers<tf.Tensor> => {
  const convolutionLayer =
    (depthwise: boolean) =>
    (name: string, x: tf.Tensor, options: ConvolutionLayer): tf.Tensor => {
      const y = convolve(depthwise, x as tf.Tensor4D, get(weights, `${name}.weight`), options, options.bias === true);
      return options.bias ? addBias(y, get(weights, `${name}.bias`)) : y;
    };
  return {
    ...sharedLayers,
    convolution: (name, x, _channels, options) => convolutionLayer(false)(name, x, options),
    depthwiseConvolution: convolutionLayer(true),
    batchNorm(name, x) {
      const result = batchNorm(x as tf.Tensor4D, {
        weight: get(weights, `${name}.weight`) as tf.Tensor1D,
        bias: get(weights, `${name}.bias`) as tf.Tensor1D,
      });
      for (const [suffix, batch] of [
        ['running_mean', result.statistics.mean],
        ['running_var', result.statistics.variance],
      ] as const) {
        const running = get(weights, `${name}.${suffix}`) as tf.Tensor1D;
        statistics[`${name}.${suffix}`] = movingAverage(running, batch, batchNormMomentum);
      }
      return result.y;
    },
    activation: (kind, x) => activations[kind](x),
    add: (a, b) => tf.add(a, b),
    linear: (name, x) =>
      linear(
        x as tf.Tensor2D,
        get(weights, `${name}.weight`) as tf.Tensor2D,
        get(weights, `${name}.bias`) as tf.Tensor1D,
      ),
    unused: () => undefined,
    channelsOf: (x) => x.shape[x.shape.length - 1]!,
  };
};

/**
 * The weights that evaluation computes with: batch norm by its running statistics is an affine map, and where it follows
 * a convolution it is taken into that convolution's weights. 'conv1.folded' and 'conv1.shift' are a convolution with its
 * batch norm, 'bn1.scale' and 'bn1.shift' a batch norm by itself; everything else keeps its name.
 */
export const foldWeights = ({ variables, norms }: Declaration, weights: Tensors): Tensors => {
  const folded: Record<string, tf.Tensor> = {};
  const paired = new Set(norms.flatMap(({ convolution: name }) => (name === undefined ? [] : [name])));
  for (const { name, role, used } of variables) {
    if (!used || role.startsWith('norm') || role.startsWith('running')) continue;
    const layer = name.replace(/\.(weight|bias)$/, '');
    if (!paired.has(layer)) folded[name] = get(weights, name);
  }
  for (const { name, convolution: before } of norms) {
    const { scale, shift } = foldBatchNorm(
      {
        weight: get(weights, `${name}.weight`) as tf.Tensor1D,
        bias: get(weights, `${name}.bias`) as tf.Tensor1D,
      },
      {
        mean: get(weights, `${name}.running_mean`) as tf.Tensor1D,
        variance: get(weights, `${name}.running_var`) as tf.Tensor1D,
      },
    );
    if (before === undefined) {
      folded[`${name}.scale`] = scale;
      folded[`${name}.shift`] = shift;
      continue;
    }
    const filter = get(weights, `${before}.weight`);
    // Output channels are the last axis of a filter; of a depthwise one, whose last axis is 1, the last but one.
    const perChannel = filter.shape[3] === 1 && scale.size > 1 ? tf.reshape(scale, [scale.size, 1]) : scale;
    folded[`${before}.folded`] = tf.mul(filter, perChannel);
    folded[`${before}.shift`] = shift;
  }
  return folded;
};

/** A value of the evaluation pass: a convolution waits to see whether a batch norm follows it. */
interface Pending {
  readonly name: string;
  readonly x: tf.Tensor4D;
  readonly depthwise: boolean;
  readonly options: ConvolutionLayer;
  /** Its output, once something other than a batch norm has asked for it. */
  output?: tf.Tensor;
}
type Value = tf.Tensor | Pending;

/** The layers of a pass in evaluation mode, on folded weights. */
export const evaluationLayers = (folded: Tensors): Layers<Value> => {
  const settle = (value: Value): tf.Tensor => {
    if (value instanceof tf.Tensor) return value;
    if (value.output) return value.output;
    const hasBias = value.options.bias === true;
    const y = convolve(value.depthwise, value.x, get(folded, `${value.name}.weight`), value.options, hasBias);
    value.output = hasBias ? addBias(y, get(folded, `${value.name}.bias`)) : y;
    return value.output;
  };
  return {
    convolution: (name, x, _channels, options) => ({ name, x: settle(x) as tf.Tensor4D, depthwise: false, options }),
    depthwiseConvolution: (name, x, options) => ({ name, x: settle(x) as tf.Tensor4D, depthwise: true, options }),
    batchNorm(name, value) {
      const filter = value instanceof tf.Tensor ? undefined : folded[`${value.name}.folded`];
      if (value instanceof tf.Tensor || !filter) {
        return affine(
          settle(value) as tf.Tensor4D,
          get(folded, `${name}.scale`) as tf.Tensor1D,
          get(folded, `${name}.shift`) as tf.Tensor1D,
        );
      }
      const y = convolve(value.depthwise, value.x, filter, value.options, true);
      return addBias(y, get(folded, `${value.name}.shift`));
    },
    activation: (kind, x) => activations[kind](settle(x)),
    add: (a, b) => tf.add(settle(a), settle(b)),
    subsample: (x, stride) => sharedLayers.subsample(settle(x), stride),
    padChannels: (x, before, after) => sharedLayers.padChannels(settle(x), before, after),
    globalAveragePool: (x) => sharedLayers.globalAveragePool(settle(x)),
    flatten: (x) => sharedLayers.flatten(settle(x)),
    linear: (name, x) =>
      linear(
        settle(x) as tf.Tensor2D,
        get(folded, `${name}.weight`) as tf.Tensor2D,
        get(folded, `${name}.bias`) as tf.Tensor1D,
      ),
    unused: () => undefined,
    channelsOf(value) {
      if (value instanceof tf.Tensor) return value.shape[value.shape.length - 1]!;
      const filter = folded[`${value.name}.folded`] ?? get(folded, `${value.name}.weight`);
      return filter.shape[value.depthwise ? 2 : 3]!;
    },
  };
};
