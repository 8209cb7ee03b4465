import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute, onTensorFlow } from './kernels.js';

const float = [attribute.type('T', 'float32')];

const reluKernel = defineKernel<{ x: tf.Tensor }, Record<string, never>>({
  name: 'Relu',
  forward: ({ x }) => execute('Relu', float, x),
  saveOutputs: [true],
  gradient: (dy, [y]) => ({ x: () => execute('ReluGrad', float, dy as tf.Tensor, y!) }),
});

/** max(x, 0). tfjs' own gradient of it is a product with a step function, four operations; TensorFlow has one. */
export const relu = <T extends tf.Tensor>(x: T): T => (onTensorFlow() ? (reluKernel({ x }, {})[0] as T) : tf.relu(x));

const swishKernel = defineKernel<{ x: tf.Tensor }, Record<string, never>>({
  name: 'Swish',
  forward: ({ x }) => {
    const sigmoid = execute('Sigmoid', float, x);
    const y = execute('Mul', float, x, sigmoid);
    sigmoid.dispose();
    return y;
  },
  saveInputs: ['x'],
  // d/dx x·σ(x) = σ(x) + x·σ'(x); TensorFlow's SigmoidGrad(σ, x) is x·σ·(1 − σ).
  gradient: (dy, [x]) => ({
    x: () => {
      const sigmoid = execute('Sigmoid', float, x!);
      return tf.mul(dy as tf.Tensor, tf.add(sigmoid, execute('SigmoidGrad', float, sigmoid, x!)));
    },
  }),
});

/** x · sigmoid(x), also called SiLU. */
export const swish = <T extends tf.Tensor>(x: T): T =>
  onTensorFlow() ? (swishKernel({ x }, {})[0] as T) : tf.mul(x, tf.sigmoid(x));

export type Activation = 'relu' | 'swish';

/** An activation by its name. */
export const activations: Readonly<Record<Activation, <T extends tf.Tensor>(x: T) => T>> = { relu, swish };
