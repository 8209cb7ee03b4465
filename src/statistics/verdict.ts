import type { Interval } from './interval.js';

/** What the results say of a claim. */
export type Verdict = 'supported' | 'contradicted' | 'undecided';

/**
 * The verdict on a claim that a value lies above zero by more than `margin` ('above'), or below by more ('below'):
 * supported where the whole interval lies beyond the margin on the claim's side, contradicted where it lies beyond the
 * margin on the other, else undecided. Without an interval (one replicate) nothing is decided.
 * @param margin in the units of the interval, from 0: .005 is half a point of accuracy
 */
export const verdictOf = (
  interval: Interval | undefined,
  margin: number,
  side: 'above' | 'below' = 'above',
): Verdict => {
  if (!interval) return 'undecided';
  const [low, high] = side === 'above' ? interval : [-interval[1], -interval[0]];
  return low > margin ? 'supported' : high < -margin ? 'contradicted' : 'undecided';
};
