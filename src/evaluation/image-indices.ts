import { UserError } from '../errors.js';

/**
 * `count` positions spread evenly over a set of `total` images: position i is ⌊i · total / count⌋. Canonical records are
 * sorted by label, so the first `count` would be of the first classes alone.
 * @throws UserError where the set has fewer
 */
export const spreadIndices = (total: number, count: number): Uint32Array => {
  if (!(Number.isInteger(count) && count >= 1 && count <= total)) {
    throw new UserError(`${count} images are asked for, but the set has ${total}: 1 to ${total} are wanted.`);
  }
  return Uint32Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
};

/** How much of an entry a message repeats. */
const longestEntry = 40;

/**
 * Positions from a text: one a line, in the order in which they are evaluated.
 * @param name of the file, for the message
 * @throws UserError naming the first line that is no position of the set, or repeats one
 */
export const parseIndices = (text: string, total: number, name: string): Uint32Array => {
  const seen = new Set<number>();
  text.split('\n').forEach((line, i) => {
    const entry = line.trim();
    if (entry === '') return;
    const index = /^\d+$/.test(entry) ? Number(entry) : NaN;
    if (!(index < total)) {
      throw new UserError(
        // Of a file that is no text a line can be anything, and long.
        `${name}, line ${i + 1}: ${JSON.stringify(entry.slice(0, longestEntry))} is not a position in the set; ` +
          `wanted is 0 to ${total - 1}.`,
      );
    }
    if (seen.has(index)) throw new UserError(`${name}, line ${i + 1}: position ${index} is there twice.`);
    seen.add(index);
  });
  if (seen.size === 0) throw new UserError(`${name} holds no position; wanted is one a line, 0 to ${total - 1}.`);
  return Uint32Array.from(seen);
};
