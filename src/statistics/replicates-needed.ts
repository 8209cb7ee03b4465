import { defaultLevel, studentWidth } from './interval.js';
import type { Mean } from './mean.js';

/** More are nobody's plan. */
const mostReplicates = 1000;

/**
 * How many replicates of this mean and deviation give a t interval that lies beyond the margin, on either side: what a plan
 * for more runs begins with, and no promise, since both were estimated from few. Null where the mean is within the margin,
 * where a thousand are too few, and of a single value, which has no deviation.
 */
export const replicatesNeeded = (
  { mean, deviation }: Pick<Mean, 'mean' | 'deviation'>,
  margin = 0,
  level = defaultLevel,
): number | null => {
  const beyond = Math.abs(mean) - margin;
  if (deviation === undefined || beyond <= 0) return null;
  for (let n = 2; n <= mostReplicates; n++) {
    if ((studentWidth(level, n - 1) * deviation) / Math.sqrt(n) < beyond) return n;
  }
  return null;
};
