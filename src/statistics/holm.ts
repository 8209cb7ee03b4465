import padjust from '@stdlib/stats-padjust';
import { defaultLevel } from './interval.js';

/**
 * Holm's correction (1979) of the p-values of comparisons that are made together: each may be held against the level by
 * itself, and the chance that any true hypothesis is rejected stays within it. In the order given.
 */
export const holm = (pValues: readonly number[]): number[] =>
  pValues.length === 0 ? [] : padjust([...pValues], 'holm');

/**
 * The levels at which the intervals of comparisons that are made together are to be taken, by Holm: the smallest p-value's
 * at 1 − α/m, the next one's at 1 − α/(m − 1), … up to the first that does not hold at its own; all from there on stay
 * at that one's. An interval of such a level lies beyond the margin exactly where Holm's corrected p-value is below α,
 * if its p-value was taken with the margin.
 * @param level of all of them together. Default .95
 */
export const holmLevels = (pValues: readonly number[], level = defaultLevel): number[] => {
  const alpha = 1 - level;
  const sorted = [...pValues].sort((a, b) => a - b);
  let stopped: number | undefined;
  const shares = new Map<number, number>();
  sorted.forEach((value, rank) => {
    // Equal ones stay at the level of the first of them.
    if (shares.has(value)) return;
    const share = stopped ?? alpha / (sorted.length - rank);
    shares.set(value, share);
    if (value > share) stopped = share;
  });
  return pValues.map((value) => 1 - shares.get(value)!);
};
