import type { Laboratory } from '../data.js';
import { bytesOf } from './unpack.js';

/** Unpacked once. */
const bytesOfLaboratory = new WeakMap<Laboratory, Uint8Array>();

/** Images of these numbers, [count, height, width, 3] in [0, 1]. */
export const imagesOf = (laboratory: Laboratory, numbers: readonly number[]): Float32Array => {
  const { pixels, imageSize } = laboratory;
  const bytes = bytesOfLaboratory.get(laboratory) ?? bytesOf(pixels);
  bytesOfLaboratory.set(laboratory, bytes);
  const size = 3 * imageSize ** 2;
  const images = new Float32Array(numbers.length * size);
  numbers.forEach((number, i) => {
    for (let pixel = 0; pixel < size; pixel++) images[i * size + pixel] = bytes[number * size + pixel]! / 255;
  });
  return images;
};
