import { createRng } from '../../src/random.js';
import { createImageSet } from '../../src/data/image-set.js';
import type { ImageSet } from '../../src/data/records.js';

/** A small set of random images, `perClass[k]` of class k, in mixed order. */
export const randomImageSet = (
  perClass: readonly number[],
  { height = 6, width = 6, seed = 1 }: { height?: number; width?: number; seed?: number } = {},
): ImageSet => {
  const rng = createRng(seed);
  const labels = perClass.flatMap((count, label) => new Array<number>(count).fill(label));
  const order = rng.permutation(labels.length);
  return createImageSet({
    name: 'synthetic',
    part: 'train',
    length: labels.length,
    height,
    width,
    classes: perClass.map((_, label) => `class ${label}`),
    pixels: Uint8Array.from({ length: labels.length * 3 * height * width }, () => rng.integer(256)),
    labels: Uint8Array.from(order, (at) => labels[at]!),
  });
};
