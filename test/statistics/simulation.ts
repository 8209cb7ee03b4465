import assert from 'node:assert/strict';
import type { Interval } from '../../src/statistics/interval.js';

const trials = 500;

/** An interval at 95 % holds the truth in 95 ± 3 % of the trials. */
export const assertCovers = (truth: number, intervalOf: (trial: number) => Interval): void => {
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    const [low, high] = intervalOf(trial);
    if (low <= truth && truth <= high) held++;
  }
  const share = held / trials;
  assert.ok(share >= 0.92 && share <= 0.98, `it holds the truth in ${100 * share} % of the trials`);
};
