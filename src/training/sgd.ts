import * as tf from '@tensorflow/tfjs-core';
import { attribute } from '../engine/kernels.js';
import type { Optimiser } from './optimiser.js';

export interface SgdOptions {
  readonly momentum: number;
  /** Added to the gradient as weightDecay · variable, for every trainable variable, as PyTorch does. */
  readonly weightDecay: number;
}

/** The name of the momentum buffer of a variable. */
const bufferOf = (variable: string): string => `momentum/${variable}`;

/**
 * Stochastic gradient descent with momentum, torch.optim.SGD's rule without dampening or Nesterov:
 * g ← gradient + weightDecay · w; buffer ← momentum · buffer + g; w ← w − learningRate · buffer.
 * The buffers start at zero, so the first step is by g itself, as in PyTorch. TensorFlow's kernel does it in place.
 */
export const sgd = ({ momentum, weightDecay }: SgdOptions): Optimiser => ({
  init: (variables) =>
    Object.fromEntries(Object.entries(variables).map(([name, tensor]) => [bufferOf(name), tf.zerosLike(tensor)])),
  update: (variables, gradients, learningRate) =>
    Object.fromEntries(
      Object.entries(gradients).map(([name, gradient]) => {
        // Weight decay as a difference: TensorFlow gathers a sum of sums, as a gradient through two passes is one, into one
        // operation that adds in another order, and graphs would no longer equal what runs kernel by kernel bit for bit.
        const decayed = weightDecay === 0 ? gradient : tf.sub(gradient, tf.mul(variables[name]!, -weightDecay));
        return [
          name,
          {
            kernel: 'ResourceApplyMomentum',
            attributes: [attribute.bool('use_locking', false), attribute.bool('use_nesterov', false)],
            slots: [bufferOf(name)],
            inputs: [learningRate, decayed, tf.scalar(momentum)],
            plainly(variable, buffer) {
              const moved = tf.add(tf.mul(buffer, momentum), decayed);
              return [tf.sub(variable, tf.mul(moved, learningRate)), moved];
            },
          },
        ];
      }),
    ),
});
