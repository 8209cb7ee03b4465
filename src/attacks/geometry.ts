import * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';
import type { Rng } from '../random.js';
import { towardsHyperplaneLinf } from './hyperplane.js';

/**
 * What an attack has to know of a norm: its ball, its steepest direction, its distance to a hyperplane. L∞ is here;
 * another norm is another object of this type, and the attacks stay as they are.
 *
 * Images are [B, H, W, 3]; what is one number a sample is [B].
 */
export interface Geometry {
  readonly name: 'Linf';
  /** What is kept of `x` so that `project` is quick, by name, and the names. */
  anchor(x: tf.Tensor4D, epsilon: number): Record<string, tf.Tensor4D>;
  readonly anchors: readonly string[];
  /** The point of the ball and of [0, 1] that is nearest to `moved`. */
  project(moved: tf.Tensor4D, anchor: Tensors): tf.Tensor4D;
  /** The direction of unit norm in which a function of this gradient rises most. */
  steepest(gradient: tf.Tensor4D): tf.Tensor4D;
  /** A random direction of unit norm, `size` values. */
  direction(size: number, rng: Rng): Float32Array;
  /** ‖step‖ of every sample. */
  norm(step: tf.Tensor4D): tf.Tensor1D;
  /** ‖gradient‖ in the dual norm: how fast a linear function changes with the distance. */
  dual(gradient: tf.Tensor4D): tf.Tensor1D;
  /**
   * The smallest step from `x` in [0, 1] that changes w·x by −`excess`, staying in [0, 1]; as far as [0, 1] allows where
   * that is not enough.
   */
  towardsHyperplane(x: tf.Tensor4D, w: tf.Tensor4D, excess: tf.Tensor1D): tf.Tensor4D;
}

const flat = (images: tf.Tensor4D): tf.Tensor2D => tf.reshape(images, [images.shape[0], -1]);

export const linf: Geometry = {
  name: 'Linf',
  anchors: ['low', 'high'],
  anchor: (x, epsilon) => ({
    low: tf.maximum(tf.sub(x, epsilon), 0),
    high: tf.minimum(tf.add(x, epsilon), 1),
  }),
  project: (moved, { low, high }) => tf.minimum(tf.maximum(moved, low!), high!),
  steepest: (gradient) => tf.sign(gradient),
  direction(size, rng) {
    const values = rng.uniforms(size, -1, 1);
    let largest = 1e-12;
    for (const value of values) largest = Math.max(largest, Math.abs(value));
    return values.map((value) => value / largest);
  },
  norm: (step) => tf.max(tf.abs(flat(step)), 1),
  dual: (gradient) => tf.sum(tf.abs(flat(gradient)), 1),
  towardsHyperplane: towardsHyperplaneLinf,
};
