import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute, onTensorFlow } from './kernels.js';

const poolAttributes = (size: number, stride: number): ReturnType<typeof attribute.type>[] => [
  attribute.type('T', 'float32'),
  attribute.ints('ksize', [1, size, size, 1]),
  attribute.ints('strides', [1, stride, stride, 1]),
  attribute.string('padding', 'VALID'),
  attribute.string('data_format', 'NHWC'),
];

const averagePoolKernel = defineKernel<
  { x: tf.Tensor },
  { size: number; stride: number; inputShape: readonly number[] }
>({
  name: 'AveragePool',
  forward: ({ x }, { size, stride }) => execute('AvgPool', poolAttributes(size, stride), x),
  gradient: (dy, _saved, { size, stride, inputShape }) => ({
    x: () =>
      execute('AvgPoolGrad', poolAttributes(size, stride), tf.tensor1d([...inputShape], 'int32'), dy as tf.Tensor),
  }),
});

/** The mean over windows of `size` × `size`, one every `stride` pixels. `x`: [B, H, W, C]. */
export const averagePool = (x: tf.Tensor4D, size: number, stride: number = size): tf.Tensor4D =>
  onTensorFlow()
    ? (averagePoolKernel({ x }, { size, stride, inputShape: x.shape })[0] as tf.Tensor4D)
    : tf.avgPool(x, size, stride, 'valid');

/** Every `stride`-th pixel of every `stride`-th row, from the first: PyTorch's x[:, :, ::stride, ::stride]. */
export const subsample = (x: tf.Tensor4D, stride: number): tf.Tensor4D => averagePool(x, 1, stride);

const globalAveragePoolKernel = defineKernel<{ x: tf.Tensor }, { inputShape: readonly number[] }>({
  name: 'GlobalAveragePool',
  forward: ({ x }) => {
    const axes = tf.tensor1d([1, 2], 'int32');
    const y = execute(
      'Mean',
      [attribute.type('T', 'float32'), attribute.type('Tidx', 'int32'), attribute.bool('keep_dims', false)],
      x,
      axes,
    );
    axes.dispose();
    return y;
  },
  gradient: (dy, _saved, { inputShape }) => ({
    x: () => {
      const [batch, height, width, channels] = inputShape as [number, number, number, number];
      const share = tf.reshape(tf.mul(dy as tf.Tensor, 1 / (height * width)), [batch, 1, 1, channels]);
      return execute(
        'BroadcastTo',
        [attribute.type('T', 'float32'), attribute.type('Tidx', 'int32')],
        share,
        tf.tensor1d([...inputShape], 'int32'),
      );
    },
  }),
});

/** The mean of every channel: [B, H, W, C] → [B, C]. */
export const globalAveragePool = (x: tf.Tensor4D): tf.Tensor2D =>
  onTensorFlow() ? (globalAveragePoolKernel({ x }, { inputShape: x.shape })[0] as tf.Tensor2D) : tf.mean(x, [1, 2]);
