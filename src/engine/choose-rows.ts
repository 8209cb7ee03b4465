import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute, onTensorFlow } from './kernels.js';

const kernel = defineKernel<{ mask: tf.Tensor; chosen: tf.Tensor; other: tf.Tensor }, Record<string, never>>({
  name: 'ChooseRows',
  forward: ({ mask, chosen, other }) => execute('Select', [attribute.type('T', 'float32')], mask, chosen, other),
  gradient() {
    throw new Error('chooseRows: no gradient flows through a choice between samples');
  },
});

/**
 * `chosen` where the mask of a sample is true, else `other`. TensorFlow copies whole samples for a mask of one value each;
 * tfjs' `where` would spread the mask over every value first.
 *
 * @param mask [B], bool
 * @param chosen [B, …], and `other` alike
 */
export const chooseRows = <T extends tf.Tensor>(mask: tf.Tensor1D, chosen: T, other: T): T =>
  onTensorFlow()
    ? (kernel({ mask, chosen, other }, {})[0] as T)
    : tf.where(tf.reshape(mask, [mask.shape[0], ...chosen.shape.slice(1).map(() => 1)]), chosen, other);
