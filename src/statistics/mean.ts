import { defaultLevel, studentWidth, type Interval } from './interval.js';

/** The mean of replicates. */
export interface Mean {
  readonly n: number;
  readonly mean: number;
  /** Standard deviation (of a sample: n − 1); undefined where there is one value. */
  readonly deviation: number | undefined;
  /** Where the true mean lies: a t interval with n − 1 degrees of freedom; undefined where there is one value. */
  readonly interval: Interval | undefined;
}

/** Undefined where there is no value. */
export const meanOf = (values: readonly number[], level = defaultLevel): Mean | undefined => {
  const n = values.length;
  if (n === 0) return undefined;
  // Sorted, so that the order of the values changes no bit of the sums.
  const sorted = [...values].sort((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, deviation: undefined, interval: undefined };
  const deviation = Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const half = (studentWidth(level, n - 1) * deviation) / Math.sqrt(n);
  return { n, mean, deviation, interval: [mean - half, mean + half] };
};
