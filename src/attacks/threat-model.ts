import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.js';
import type { Rng } from '../random.js';

/** The usual radius of the L∞ ball on CIFAR, in image units. */
export const defaultEpsilon = 8 / 255;

/** A radius or a step in image units as it is read: '8/255', or '0.003' where it is no whole number of pixel steps. */
export const radiusText = (radius: number): string => {
  const steps = radius * 255;
  return Math.abs(steps - Math.round(steps)) < 1e-9
    ? `${Math.round(steps)}/255`
    : String(Number(radius.toPrecision(3)));
};

/**
 * The point of the L∞ ball of radius `epsilon` around `x` that is nearest to `adversarial`. In float32 the result lies
 * between x − ε and x + ε exactly, each rounded once.
 */
export const projectLinf = (adversarial: tf.Tensor4D, x: tf.Tensor4D, epsilon: number | tf.Scalar): tf.Tensor4D =>
  tf.minimum(tf.maximum(adversarial, tf.sub(x, epsilon)), tf.add(x, epsilon));

/** `x` moved into the range of an image. */
export const clampToImage = (x: tf.Tensor4D): tf.Tensor4D => tf.clipByValue(x, 0, 1);

/** The point of [x − ε, x + ε] ∩ [0, 1] that is nearest to `adversarial`: what an adversarial image is judged as. */
export const moveIntoBall = (adversarial: tf.Tensor4D, x: tf.Tensor4D, epsilon: number | tf.Scalar): tf.Tensor4D =>
  clampToImage(projectLinf(adversarial, x, epsilon));

/**
 * Where an attack starts.
 * - 'clean': at the image.
 * - 'uniform': anywhere in the ball, then clamped to [0, 1] (Madry et al., 2018).
 * - 'gaussian': at the image plus .001 · N(0, 1), not clamped (Zhang et al., 2019).
 */
export const starts = ['clean', 'uniform', 'gaussian'] as const;
export type Start = (typeof starts)[number];

/** Standard deviation of the 'gaussian' start, in image units. */
const gaussianStartDeviation = 0.001;

/**
 * The noise of a start, for `size` values: it is an argument of what is recorded, and drawn on the host.
 * @throws UserError where the start is not known
 */
export const startNoise = (start: Start, size: number, epsilon: number, rng: Rng): Float32Array => {
  switch (start) {
    case 'clean':
      return new Float32Array(size);
    case 'uniform':
      return rng.uniforms(size, -epsilon, epsilon);
    case 'gaussian':
      return rng.normals(size, gaussianStartDeviation);
    default:
      throw new UserError(`the start of an attack is "${String(start)}", but clean, uniform or gaussian is wanted.`);
  }
};

/** The image that an attack starts from, given its noise. */
export const startFrom = (start: Start, x: tf.Tensor4D, noise: tf.Tensor4D): tf.Tensor4D =>
  start === 'clean' ? x : start === 'uniform' ? clampToImage(tf.add(x, noise)) : tf.add(x, noise);
