import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute, onGpu, onTensorFlow } from './kernels.js';
import { subsample } from './pooling.js';
import { precisionAtWork } from './precision.js';
import { winogradConvolution } from './winograd.js';

/** Padding in pixels on every side, as PyTorch counts it, or 'same' as TensorFlow pads (more at the bottom and right). */
export type Padding = number | 'same';

export interface ConvolutionOptions {
  readonly stride?: number;
  readonly padding?: Padding;
  /** `addBias` follows, which TensorFlow takes into its convolution. Changes the speed alone. */
  readonly biasFollows?: boolean;
}

type Scheme = 'SAME' | 'VALID';

/**
 * How a convolution is padded: TensorFlow's own scheme where it means the same, else zeros put around the image first.
 * (TensorFlow's EXPLICIT padding gives the same numbers, but its gradients take twice as long.)
 */
const paddingOf = (
  size: readonly [number, number],
  kernel: readonly [number, number],
  stride: number,
  padding: Padding,
): { scheme: Scheme; before: number; after: [number, number] } => {
  if (padding === 'same') return { scheme: 'SAME', before: 0, after: [0, 0] };
  if (padding === 0) return { scheme: 'VALID', before: 0, after: [0, 0] };
  if (stride === 1 && kernel.every((width) => width === 2 * padding + 1))
    return { scheme: 'SAME', before: 0, after: [0, 0] };
  const after = [0, 1].map((axis) => {
    const outputs = Math.floor((size[axis]! + 2 * padding - kernel[axis]!) / stride) + 1;
    return Math.max(0, (outputs - 1) * stride + kernel[axis]! - padding - size[axis]!);
  }) as [number, number];
  return { scheme: 'VALID', before: padding, after };
};

const attributesOf = (stride: number, scheme: string): ReturnType<typeof attribute.type>[] => [
  attribute.type('T', 'float32'),
  attribute.ints('strides', [1, stride, stride, 1]),
  attribute.string('padding', scheme),
  attribute.string('data_format', 'NHWC'),
  attribute.ints('dilations', [1, 1, 1, 1]),
];

// A convolution and a depthwise convolution differ in the names of TensorFlow's operations alone.
const defineConvolution = (name: string, forward: string, inputGradient: string, filterGradient: string) =>
  defineKernel<{ x: tf.Tensor; filter: tf.Tensor }, { stride: number; scheme: Scheme }>({
    name,
    forward: ({ x, filter }, { stride, scheme }) => execute(forward, attributesOf(stride, scheme), x, filter),
    saveInputs: ['x', 'filter'],
    gradient: (dy, [x, filter], { stride, scheme }) => ({
      x: () =>
        execute(inputGradient, attributesOf(stride, scheme), tf.tensor1d(x!.shape, 'int32'), filter!, dy as tf.Tensor),
      filter: () =>
        execute(filterGradient, attributesOf(stride, scheme), x!, tf.tensor1d(filter!.shape, 'int32'), dy as tf.Tensor),
    }),
  });

const fullKernel = defineConvolution('Convolution', 'Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter');
const floats = attribute.type('T', 'float32');

const multiply = (a: tf.Tensor, b: tf.Tensor, transpose: 'a' | 'b' | 'none' = 'none'): tf.Tensor =>
  execute(
    'MatMul',
    [floats, attribute.bool('transpose_a', transpose === 'a'), attribute.bool('transpose_b', transpose === 'b')],
    a,
    b,
  );

/**
 * A convolution as a product of the image's patches and the filter, for few pixels and many channels: there TensorFlow's
 * convolution spends its time on the layout of the filter, which is larger than the images. The gradient of the image has no
 * such short cut: its patches would have to be added up again.
 */
const patchKernel = defineKernel<{ x: tf.Tensor; filter: tf.Tensor }, { stride: number; scheme: Scheme }>({
  name: 'PatchConvolution',
  forward: ({ x, filter }, { stride, scheme }) => {
    const [height, width, , outputs] = filter.shape as [number, number, number, number];
    const patches = execute(
      'ExtractImagePatches',
      [
        floats,
        attribute.ints('ksizes', [1, height, width, 1]),
        attribute.ints('strides', [1, stride, stride, 1]),
        attribute.ints('rates', [1, 1, 1, 1]),
        attribute.string('padding', scheme),
      ],
      x,
    );
    const rows = tf.reshape(patches, [-1, patches.shape[3]!]);
    const product = multiply(rows, tf.reshape(filter, [-1, outputs]));
    return [tf.reshape(product, [...patches.shape.slice(0, 3), outputs]), rows];
  },
  saveInputs: ['x', 'filter'],
  saveOutputs: [false, true],
  gradient: (dys, [x, filter, rows], { stride, scheme }) => {
    const dy = (dys as tf.Tensor[])[0]!;
    return {
      x: () =>
        execute('Conv2DBackpropInput', attributesOf(stride, scheme), tf.tensor1d(x!.shape, 'int32'), filter!, dy),
      filter: () => tf.reshape(multiply(rows!, tf.reshape(dy, [-1, filter!.shape[3]!]), 'a'), filter!.shape),
    };
  },
});

/**
 * A convolution by a filter of 1 × 1 is a matrix product, and so are its gradients: quicker than TensorFlow's
 * convolution, but for the forward pass where that takes in a bias and an activation that follow.
 */
const pointwiseKernel = defineKernel<{ x: tf.Tensor; filter: tf.Tensor }, { biasFollows: boolean }>({
  name: 'PointwiseConvolution',
  forward({ x, filter }, { biasFollows }) {
    if (biasFollows) return execute('Conv2D', attributesOf(1, 'VALID'), x, filter);
    const [, , inputs, outputs] = filter.shape as [number, number, number, number];
    const product = multiply(tf.reshape(x, [-1, inputs]), tf.reshape(filter, [inputs, outputs]));
    return tf.reshape(product, [...x.shape.slice(0, 3), outputs]);
  },
  saveInputs: ['x', 'filter'],
  gradient: (dy, [x, filter]) => {
    const [, , inputs, outputs] = filter!.shape as [number, number, number, number];
    const rows = tf.reshape(dy as tf.Tensor, [-1, outputs]);
    return {
      x: () => tf.reshape(multiply(rows, tf.reshape(filter!, [inputs, outputs]), 'b'), x!.shape),
      filter: () => tf.reshape(multiply(tf.reshape(x!, [-1, inputs]), rows, 'a'), filter!.shape),
    };
  },
});

/** The kernel that is quickest on a processor; the bounds are measured, see the bench. */
const quickest = (
  { shape: [, height, width] }: tf.Tensor4D,
  { shape: [kernelHeight, kernelWidth, inputs, outputs] }: tf.Tensor4D,
  stride: number,
  scheme: Scheme,
): 'direct' | 'winograd' | 'patches' | 'pointwise' => {
  if (onGpu()) return 'direct';
  if (kernelHeight === 1 && kernelWidth === 1) return 'pointwise';
  // In bfloat16 the definition is as quick as Winograd's algorithm, whose products need more digits than that.
  if (kernelHeight !== 3 || kernelWidth !== 3 || precisionAtWork() === 'bf16') return 'direct';
  if (stride === 1 && scheme === 'SAME') {
    const suits = height === width && height % 4 === 0 && height <= 8;
    return suits && inputs * outputs >= 256 * 256 ? 'winograd' : 'direct';
  }
  return stride === 2 && scheme === 'VALID' && height * width <= 81 && inputs * outputs >= 256 * 512
    ? 'patches'
    : 'direct';
};

const depthwiseKernel = defineConvolution(
  'DepthwiseConvolution',
  'DepthwiseConv2dNative',
  'DepthwiseConv2dNativeBackpropInput',
  'DepthwiseConv2dNativeBackpropFilter',
);

const pad = (x: tf.Tensor4D, before: number, after: readonly [number, number]): tf.Tensor4D =>
  before === 0 && after[0] === 0 && after[1] === 0
    ? x
    : tf.pad(x, [
        [0, 0],
        [before, after[0]],
        [before, after[1]],
        [0, 0],
      ]);

/** The image with the zeros around it that the convolution is not to add itself, and the scheme that is left to it. */
const prepared = (
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  { stride = 1, padding = 0 }: ConvolutionOptions,
): { padded: tf.Tensor4D; stride: number; scheme: Scheme } => {
  const { scheme, before, after } = paddingOf(
    [x.shape[1], x.shape[2]],
    [filter.shape[0], filter.shape[1]],
    stride,
    padding,
  );
  return { padded: pad(x, before, after), stride, scheme };
};

/** TensorFlow's name of a scheme, as tfjs spells it. */
const spelled = { SAME: 'same', VALID: 'valid' } as const;

/**
 * Convolution (cross-correlation, as every framework means it).
 * @param x [B, H, W, in]
 * @param filter [kernel height, kernel width, in, out]
 * @returns [B, H', W', out]
 */
export const convolution = (x: tf.Tensor4D, filter: tf.Tensor4D, options: ConvolutionOptions = {}): tf.Tensor4D => {
  const { padded, stride, scheme } = prepared(x, filter, options);
  if (!onTensorFlow()) return tf.conv2d(padded, filter, stride, spelled[scheme]);
  const way = quickest(padded, filter, stride, scheme);
  if (way === 'winograd') return winogradConvolution(padded, filter);
  if (way === 'pointwise') {
    const { biasFollows = false } = options;
    // The pixels that a stride passes over are left out first: oneDNN's gradient of a strided filter of 1 × 1 is wrong
    // where it has fewer than 8 input channels (TensorFlow 2.21, AVX2).
    const seen = stride === 1 ? padded : subsample(padded, stride);
    return pointwiseKernel({ x: seen, filter }, { biasFollows })[0] as tf.Tensor4D;
  }
  const kernel = way === 'patches' ? patchKernel : fullKernel;
  return kernel({ x: padded, filter }, { stride, scheme })[0] as tf.Tensor4D;
};

/**
 * Depthwise convolution: channel c of the output sees channel c of the input alone.
 * @param x [B, H, W, C]
 * @param filter [kernel height, kernel width, C, 1]
 * @returns [B, H', W', C]
 */
export const depthwiseConvolution = (
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  options: ConvolutionOptions = {},
): tf.Tensor4D => {
  const { padded, stride, scheme } = prepared(x, filter, options);
  return onTensorFlow()
    ? (depthwiseKernel({ x: padded, filter }, { stride, scheme })[0] as tf.Tensor4D)
    : tf.depthwiseConv2d(padded, filter, stride, spelled[scheme]);
};

const biasKernel = defineKernel<{ x: tf.Tensor; bias: tf.Tensor }, Record<string, never>>({
  name: 'AddBias',
  forward: ({ x, bias }) =>
    execute('BiasAdd', [attribute.type('T', 'float32'), attribute.string('data_format', 'NHWC')], x, bias),
  gradient: (dy) => ({
    x: () => (dy as tf.Tensor).clone(),
    bias: () =>
      execute(
        'BiasAddGrad',
        [attribute.type('T', 'float32'), attribute.string('data_format', 'NHWC')],
        dy as tf.Tensor,
      ),
  }),
});

/** Adds `bias` [C] along the last axis of `x` [..., C]. */
export const addBias = <T extends tf.Tensor>(x: T, bias: tf.Tensor): T =>
  onTensorFlow() ? (biasKernel({ x, bias }, {})[0] as T) : tf.add(x, bias);

/** `x` [B, in] times `weight` [in, out], plus `bias` [out]. */
export const linear = (x: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D): tf.Tensor2D =>
  addBias(tf.matMul(x, weight), bias);
