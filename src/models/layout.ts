import * as tf from '@tensorflow/tfjs-core';
import type { VariableKind, VariableSpec } from './declare.js';

/** PyTorch's axes in the order in which they lie in memory here. */
const toMemory: Readonly<Record<VariableKind, readonly number[]>> = {
  convolution: [2, 3, 1, 0], // [out, in, height, width] → [height, width, in, out]
  depthwise: [2, 3, 0, 1], // [channels, 1, height, width] → [height, width, channels, 1]
  linear: [1, 0], // [out, in] → [in, out]
  vector: [0],
};

/** `values` of shape `shape`, with the axes in the order `axes`. */
const permute = (values: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array => {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const sizes = axes.map((axis) => shape[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const out = new Float32Array(values.length);
  const index = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = values[from]!;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < sizes[axis]!) break;
      from -= sizes[axis]! * steps[axis]!;
      index[axis] = 0;
    }
  }
  return out;
};

/** A variable from PyTorch's layout, `spec.torchShape`. The tensor is the caller's. */
export const fromTorch = (spec: Pick<VariableSpec, 'kind' | 'shape' | 'torchShape'>, values: Float32Array): tf.Tensor =>
  tf.tensor(permute(values, spec.torchShape, toMemory[spec.kind]), [...spec.shape], 'float32');

/** The values of a variable in PyTorch's layout. */
export const toTorch = (
  spec: Pick<VariableSpec, 'kind' | 'shape' | 'torchShape'>,
  values: Float32Array,
): Float32Array => {
  const axes = toMemory[spec.kind];
  return permute(
    values,
    spec.shape,
    axes.map((_, axis) => axes.indexOf(axis)),
  );
};
