import normalQuantile from '@stdlib/stats-base-dists-normal-quantile';
import studentQuantile from '@stdlib/stats-base-dists-t-quantile';

/** Where a value lies, at the level that it was asked for. */
export type Interval = readonly [low: number, high: number];

/** The level of an interval that nothing else is said of. */
export const defaultLevel = 0.95;

/** How many standard deviations a normal variable lies within at `level`: 1.96 at .95. */
export const normalWidth = (level: number): number => normalQuantile((1 + level) / 2, 0, 1);

/** The same in standard errors for a mean whose deviation was estimated with so many degrees of freedom: 4.30 with two. */
export const studentWidth = (level: number, degrees: number): number => studentQuantile((1 + level) / 2, degrees);
