import type * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';
import type { KernelUpdate } from '../engine/program.js';

/** A rule by which variables follow their gradients. What it remembers of them are further variables of the program. */
export interface Optimiser {
  /** The first values of what it remembers of `variables`, by names of its own. They are the caller's. */
  init(variables: Tensors): Record<string, tf.Tensor>;
  /**
   * @param variables the program's, by the names that `gradients` has
   * @param learningRate scalar
   * @returns updates for a program's function
   */
  update(
    variables: Tensors,
    gradients: Tensors,
    learningRate: tf.Tensor,
  ): Readonly<Record<string, tf.Tensor | KernelUpdate>>;
}
