import * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';
import type { MomentumUpdate } from '../engine/program.js';

export interface SgdOptions {
  readonly momentum: number;
  /** Added to the gradient as weightDecay · variable, for every trainable variable, as PyTorch does. */
  readonly weightDecay: number;
}

/** The name of the momentum buffer of a variable. */
export const momentumBuffer = (variable: string): string => `momentum/${variable}`;

/**
 * One step of stochastic gradient descent with momentum, torch.optim.SGD's rule without dampening or Nesterov:
 * g ← gradient + weightDecay · w; buffer ← momentum · buffer + g; w ← w − learningRate · buffer.
 * The buffers start at zero, so the first step is by g itself, as in PyTorch.
 *
 * @param variables the program's variables, by the names that `gradients` has
 * @param learningRate scalar
 * @returns updates for a program's function
 */
export const sgd = (
  variables: Tensors,
  gradients: Tensors,
  learningRate: tf.Tensor,
  { momentum, weightDecay }: SgdOptions,
): Record<string, MomentumUpdate> =>
  // Weight decay as a difference: TensorFlow gathers a sum of sums, as a gradient through two passes is one, into one
  // operation that adds in another order, and graphs would no longer equal what runs kernel by kernel bit for bit.
  Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [
      name,
      {
        buffer: momentumBuffer(name),
        gradient: weightDecay === 0 ? gradient : tf.sub(gradient, tf.mul(variables[name]!, -weightDecay)),
        learningRate,
        momentum,
      },
    ]),
  );
