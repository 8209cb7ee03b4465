import { createHash } from 'node:crypto';
import type { ImageSet } from './records.js';

/** A set that was put together in memory, with the MD5 of its records: a label byte and an image each, as in a file. */
export const createImageSet = (set: Omit<ImageSet, 'md5'>): ImageSet => {
  const hash = createHash('md5');
  const bytes = 3 * set.height * set.width;
  for (let i = 0; i < set.length; i++)
    hash.update(set.labels.subarray(i, i + 1)).update(set.pixels.subarray(i * bytes, (i + 1) * bytes));
  return { ...set, md5: hash.digest('hex') };
};
