import { randomBinomial } from 'd3-random';
import type { Rng } from '../random.js';
import type { Interval } from './interval.js';
import { requireSameImages } from './mcnemar.js';
import type { Pair } from './series.js';

/** Images that make the same difference in every replicate: how many they are, and the difference in each (1, 0 or −1). */
interface ImageKind {
  readonly count: number;
  readonly differences: readonly number[];
}

/**
 * The images by the differences that they make. Drawing images with replacement is drawing how many of each kind there
 * are, and of kinds there are few.
 */
const imageKinds = (pairs: readonly Pair[]): ImageKind[] | undefined => {
  const outcomes = pairs.flatMap(({ first, second }) =>
    first.outcome && second.outcome ? [[first.outcome, second.outcome] as const] : [],
  );
  if (outcomes.length < pairs.length) return undefined;
  const [firstOfAll] = outcomes[0]!;
  for (const outcome of outcomes.flat()) requireSameImages(firstOfAll, outcome);
  const kinds = new Map<string, { count: number; differences: number[] }>();
  for (let image = 0; image < firstOfAll.length; image++) {
    const differences = outcomes.map(([first, second]) => first[image]! - second[image]!);
    const key = differences.join();
    const kind = kinds.get(key);
    if (kind) kind.count++;
    else kinds.set(key, { count: 1, differences });
  }
  // In an order of their own, so that that of the images changes nothing.
  return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, kind]) => kind);
};

/** How many of `total` draws with replacement are of each kind. */
const drawKinds = (kinds: readonly ImageKind[], total: number, rng: Rng): number[] => {
  const binomial = randomBinomial.source(() => rng.uniform());
  let left = total;
  let kindsLeft = total;
  return kinds.map(({ count }) => {
    // Of what is left to draw, the share that this kind is of those left; the last kind takes all.
    const drawn = left === 0 ? 0 : count === kindsLeft ? left : binomial(left, count / kindsLeft)();
    left -= drawn;
    kindsLeft -= count;
    return drawn;
  });
};

const quantile = (sorted: Float64Array, share: number): number => {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below]! + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)]! - sorted[below]!);
};

export interface BootstrapOptions {
  readonly level: number;
  readonly draws: number;
  readonly rng: Rng;
}

/**
 * A percentile bootstrap of the mean difference of pairs: replicates are drawn with replacement, and images too, the same
 * ones for all networks, where the outcomes are known. Of few replicates it makes too narrow an interval: it is a check
 * that the t interval is not far off, no replacement.
 * @throws UserError where outcomes are of different images
 */
export const bootstrapDifference = (pairs: readonly Pair[], { level, draws, rng }: BootstrapOptions): Interval => {
  const kinds = imageKinds(pairs);
  const total = kinds?.reduce((sum, { count }) => sum + count, 0) ?? 0;
  const measured = pairs.map(({ first, second }) => first.accuracy - second.accuracy);
  const means = Float64Array.from({ length: draws }, (_, draw) => {
    const own = rng.fork(draw);
    const counts = kinds && drawKinds(kinds, total, own);
    const differences = counts
      ? pairs.map(
          (__, pair) => counts.reduce((sum, count, kind) => sum + count * kinds[kind]!.differences[pair]!, 0) / total,
        )
      : measured;
    let sum = 0;
    for (let i = 0; i < pairs.length; i++) sum += differences[own.integer(pairs.length)]!;
    return sum / pairs.length;
  }).sort();
  return [quantile(means, (1 - level) / 2), quantile(means, (1 + level) / 2)];
};
