import * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';
import type { TensorSpec } from '../engine/program.js';
import { startFrom, type Start } from './threat-model.js';

/**
 * The batch of an inner maximisation lies in variables of a program: it is let in once, and the steps move no images
 * between TensorFlow and the host.
 */
export interface AttackedBatch {
  /** [B, H, W, 3] in [0, 1] */
  readonly x: tf.Tensor4D;
  /** [B] int32 */
  readonly labels: tf.Tensor1D;
  readonly adversarial: tf.Tensor4D;
}

export type ImageShape = readonly [batch: number, height: number, width: number, channels: number];

/** The first values of the variables, to be disposed by the caller. */
export const batchVariables = (shape: ImageShape): AttackedBatch => ({
  x: tf.zeros([...shape]),
  labels: tf.zeros([shape[0]], 'int32'),
  adversarial: tf.zeros([...shape]),
});

/** What lets a batch in is given: the images, their labels, and the noise of a start that has some. */
export const batchInputs = (start: Start, shape: ImageShape): Record<string, TensorSpec> => ({
  x: { shape },
  labels: { shape: [shape[0]], dtype: 'int32' },
  ...(start === 'clean' ? {} : { noise: { shape } }),
});

/** The new values of the variables. @param inputs as `batchInputs` names them */
export const enterBatch = (start: Start, inputs: Tensors): AttackedBatch => {
  const x = inputs['x'] as tf.Tensor4D;
  return {
    x,
    labels: inputs['labels'] as tf.Tensor1D,
    adversarial: start === 'clean' ? x : startFrom(start, x, inputs['noise'] as tf.Tensor4D),
  };
};
