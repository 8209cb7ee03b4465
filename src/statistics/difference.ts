import { createRng } from '../random.js';
import { bootstrapDifference } from './bootstrap.js';
import { defaultLevel, type Interval } from './interval.js';
import { meanOf, pValueOfMean, type Mean } from './mean.js';
import { pairsOf, type Series } from './series.js';

export interface DifferenceOptions {
  /** Of the intervals. Default .95. */
  readonly level?: number;
  /** What a difference must exceed to count, as a fraction. It decides the p-value alone. Default 0. */
  readonly margin?: number;
  /** Of the bootstrap. Default 0. */
  readonly seed?: number;
  /** Draws of the bootstrap. Default 2000. */
  readonly draws?: number;
}

/** One method against another, over the replicates that both have: differences are the first's less the second's. */
export interface Difference extends Mean {
  /** The replicates, and the difference in each. */
  readonly replicates: readonly number[];
  readonly differences: readonly number[];
  /** A check of the t interval: replicates and images drawn anew. Undefined where there is one replicate. */
  readonly bootstrap: Interval | undefined;
  /** The share of replicates in which the first is better; a tie counts half. */
  readonly probabilityOfBetter: number;
  /** `pValueOfMean` of the differences. */
  readonly pValue: number | undefined;
}

/**
 * The difference of two methods: taken within each replicate, so that what the replicate is makes no difference; its mean
 * over replicates with a t interval (n − 1 degrees of freedom). Undefined where the two have no replicate in common.
 *
 * With n = 3 no test without assumptions can reach 5 %: say the difference and its interval, not the p-value. That is
 * there for `holmLevels`.
 * @throws UserError where a replicate is there twice, or outcomes are of different images
 */
export const differenceOf = (
  first: Series,
  second: Series,
  { level = defaultLevel, margin = 0, seed = 0, draws = 2000 }: DifferenceOptions = {},
): Difference | undefined => {
  const pairs = pairsOf(first, second);
  const differences = pairs.map((pair) => pair.first.accuracy - pair.second.accuracy);
  // Accuracies are whole numbers of images.
  const images = Math.min(...pairs.map(({ first: { outcome } }) => outcome?.length ?? Infinity));
  const mean = meanOf(differences, level, 1 / images);
  if (!mean) return undefined;
  const better = differences.reduce((sum, value) => sum + (value > 0 ? 1 : value === 0 ? 0.5 : 0), 0);
  return {
    ...mean,
    replicates: pairs.map(({ replicate }) => replicate),
    differences,
    bootstrap:
      mean.n > 1 ? bootstrapDifference(pairs, { level, draws, rng: createRng(seed).fork('bootstrap') }) : undefined,
    probabilityOfBetter: better / mean.n,
    pValue: pValueOfMean(mean, margin),
  };
};
