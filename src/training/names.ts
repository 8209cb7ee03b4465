import type * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';

// A training program's variables have paths for names: 'student/conv1.weight', 'batch@128/x'.

/** `tensors` with `prefix` before each name. */
export const prefixed = (prefix: string, tensors: Tensors): Record<string, tf.Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));

/** Those of `tensors` whose names begin with `prefix`, without it. */
export const under = (prefix: string, tensors: Tensors): Record<string, tf.Tensor> =>
  Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
