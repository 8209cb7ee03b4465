import studentCdf from '@stdlib/stats-base-dists-t-cdf';
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

/**
 * @param leastDeviation what the values are known to: values that agree by chance are not taken to be without deviation
 * @returns undefined where there is no value
 */
export const meanOf = (values: readonly number[], level = defaultLevel, leastDeviation = 0): Mean | undefined => {
  const n = values.length;
  if (n === 0) return undefined;
  // Sorted, so that the order of the values changes no bit of the sums.
  const sorted = [...values].sort((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, deviation: undefined, interval: undefined };
  const spread = Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const deviation = Math.max(spread, leastDeviation);
  const half = (studentWidth(level, n - 1) * deviation) / Math.sqrt(n);
  return { n, mean, deviation, interval: [mean - half, mean + half] };
};

/**
 * Of the hypothesis that the true mean is within the margin: two-sided, by t; twice the smaller chance of such a mean where
 * the true one is at the nearer end of the margin. It is below 1 − level exactly where the interval lies beyond the margin.
 * Undefined where there is one value.
 */
export const pValueOfMean = ({ n, mean, deviation }: Mean, margin = 0): number | undefined => {
  if (deviation === undefined) return undefined;
  const beyond = Math.abs(mean) - margin;
  const error = deviation / Math.sqrt(n);
  if (error === 0) return beyond > 0 ? 0 : 1;
  return Math.min(1, 2 * studentCdf(-beyond / error, n - 1));
};
