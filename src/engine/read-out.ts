import * as tf from '@tensorflow/tfjs-core';

/**
 * What `work` reads out of tensors: numbers, typed arrays and records of such. Every tensor that it made is freed.
 *
 * `tf.tidy` returns numbers too, but searches them for tensors first, and in a typed array it looks at every element: a
 * batch of images takes it longer than a step of an attack.
 */
export const readOut = <T>(work: () => T): T => {
  let result: { readonly value: T } | undefined;
  tf.tidy(() => {
    result = { value: work() };
  });
  return result!.value;
};
