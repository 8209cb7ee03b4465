import { UserError } from '../errors.js';
import { createRng, type Rng } from '../random.js';
import type { ImageSet } from './records.js';

/** The members of each class among `indices`, in the order given. */
const byClass = (indices: ArrayLike<number>, { labels, classes }: ImageSet): number[][] => {
  const members = classes.map((): number[] => []);
  for (let i = 0; i < indices.length; i++) members[labels[indices[i]!]!]!.push(indices[i]!);
  return members;
};

/**
 * How many of `count` fall on each class. Where they do not divide evenly, the classes that take one more come first in
 * an order drawn once, so that a larger count takes from every class at least what a smaller one did.
 */
const shares = (count: number, classes: number, rng: Rng): number[] => {
  const share = Array.from({ length: classes }, () => Math.floor(count / classes));
  const order = rng.permutation(classes);
  for (let i = 0; i < count % classes; i++) share[order[i]!]!++;
  return share;
};

/** Draws `count` of `indices`, balanced by class; what is drawn and what is left, both ascending. */
const drawBalanced = (
  indices: ArrayLike<number>,
  set: ImageSet,
  count: number,
  rng: Rng,
): { drawn: Uint32Array; left: Uint32Array } => {
  if (!Number.isInteger(count) || count < 0 || count > indices.length) {
    throw new UserError(
      `${count} images asked of ${indices.length} of ${set.name} ${set.part}; wanted a whole number from 0 to ${indices.length}`,
    );
  }
  const drawn: number[] = [];
  const left: number[] = [];
  const wanted = shares(count, set.classes.length, rng.fork('shares'));
  byClass(indices, set).forEach((members, label) => {
    const share = wanted[label]!;
    if (share > members.length) {
      throw new UserError(
        `${count} images balanced by class take ${share} of class ${set.classes[label]!} (${set.name} ${set.part}), which has ` +
          `${members.length}; ask for at most ${members.length * set.classes.length}`,
      );
    }
    rng
      .fork('class', label)
      .permutation(members.length)
      .forEach((at, rank) => (rank < share ? drawn : left).push(members[at]!));
  });
  return { drawn: Uint32Array.from(drawn).sort(), left: Uint32Array.from(left).sort() };
};

/**
 * Splits a training set: `count` images are held out for validation, the rest trains. Balanced by class (the classes'
 * numbers differ by one where `count` does not divide), drawn from `seed`, both parts ascending. The test part is never
 * touched by a selection.
 * @throws UserError where `count` is not a whole number below the set's length, or a class has too few.
 */
export const holdOut = (
  set: ImageSet,
  count: number,
  seed: number,
): { train: Uint32Array; validation: Uint32Array } => {
  if (count >= set.length) {
    throw new UserError(
      `${count} images asked for validation of ${set.name} ${set.part}, which has ${set.length}; none would be left to train on`,
    );
  }
  const all = Uint32Array.from({ length: set.length }, (_, i) => i);
  const { drawn, left } = drawBalanced(all, set, count, createRng(seed).fork('hold-out'));
  return { train: left, validation: drawn };
};

/**
 * A part of `indices` for a small budget: `count` of them, balanced by class, drawn from `seed`, ascending. A larger
 * part of the same seed contains every smaller one.
 * @throws UserError where there are not enough.
 */
export const takeBalanced = (indices: ArrayLike<number>, set: ImageSet, count: number, seed: number): Uint32Array =>
  drawBalanced(indices, set, count, createRng(seed).fork('take-balanced')).drawn;
