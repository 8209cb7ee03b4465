import * as tf from '@tensorflow/tfjs-core';
import { gradients, type Tensors } from '../engine/gradient.js';
import { clampToImage, projectLinf } from './threat-model.js';

/** A loss of every sample, to be ascended: [B, H, W, 3] → [B]. */
export type SampleLoss = (adversarial: tf.Tensor4D) => tf.Tensor1D;

export interface SignStepOptions {
  readonly epsilon: number;
  readonly stepSize: number;
  /** Keep the image in [0, 1] at every step. Default true. */
  readonly clamp?: boolean;
}

/**
 * `adversarial` moved by `stepSize` along the sign of `slope` and projected onto the L∞ ball around `x`. Clamping and
 * projecting commute, since both intervals contain `x`: one function serves every published order of the two.
 */
const moveAlongSign = (
  slope: tf.Tensor4D,
  x: tf.Tensor4D,
  adversarial: tf.Tensor4D,
  { epsilon, stepSize, clamp = true }: SignStepOptions,
): tf.Tensor4D => {
  const moved = projectLinf(tf.add(adversarial, tf.mul(tf.sign(slope), stepSize)), x, epsilon);
  return clamp ? clampToImage(moved) : moved;
};

/**
 * One ascent by the sign of the gradient, inside the L∞ ball (Goodfellow et al., 2015; Madry et al., 2018).
 * @param climb the loss of every sample, and what else of its forward pass is wanted (`aux`)
 */
export const signStepWith = <A extends Tensors>(
  climb: (adversarial: tf.Tensor4D) => { readonly values: tf.Tensor1D; readonly aux: A },
  { x, adversarial }: { readonly x: tf.Tensor4D; readonly adversarial: tf.Tensor4D },
  options: SignStepOptions,
): { adversarial: tf.Tensor4D; aux: A } => {
  const { gradients: slopes, aux } = gradients(
    () => {
      const { values, aux: wanted } = climb(adversarial);
      // The sum, not the mean: the sign is the same, and small gradients don't vanish.
      return { value: tf.sum(values), aux: wanted };
    },
    { adversarial },
  );
  return { adversarial: moveAlongSign(slopes.adversarial, x, adversarial, options), aux };
};

/** The same of `loss` alone. */
export const signStep = (
  loss: SampleLoss,
  x: tf.Tensor4D,
  adversarial: tf.Tensor4D,
  options: SignStepOptions,
): tf.Tensor4D => signStepWith((image) => ({ values: loss(image), aux: {} }), { x, adversarial }, options).adversarial;
