import { UserError } from '../errors.js';

/** One replicate of a method: what a seed made of it. */
export interface Replicate {
  readonly replicate: number;
  /** As a fraction. */
  readonly accuracy: number;
  /** One entry an image, 1 where it is right, else 0. */
  readonly outcome?: Uint8Array | undefined;
}

/** A method's replicates, in any order. */
export type Series = readonly Replicate[];

/** What two methods made of one replicate. */
export interface Pair {
  readonly replicate: number;
  readonly first: Replicate;
  readonly second: Replicate;
}

const byReplicate = (series: Series): Map<number, Replicate> => {
  const found = new Map<number, Replicate>();
  for (const entry of series) {
    if (found.has(entry.replicate)) {
      throw new UserError(`replicate ${entry.replicate} is there twice: one result a replicate is wanted.`);
    }
    found.set(entry.replicate, entry);
  }
  return found;
};

/**
 * The replicates that both methods have, in order; the others say nothing of a difference.
 * @throws UserError where a replicate is there twice
 */
export const pairsOf = (first: Series, second: Series): Pair[] => {
  const others = byReplicate(second);
  return [...byReplicate(first).values()]
    .flatMap((own) => {
      const other = others.get(own.replicate);
      return other ? [{ replicate: own.replicate, first: own, second: other }] : [];
    })
    .sort((a, b) => a.replicate - b.replicate);
};
