import binomialTest from '@stdlib/stats-binomial-test';
import { UserError } from '../errors.js';
import { defaultLevel, normalWidth, type Interval } from './interval.js';

/** Two networks on the same images. It says nothing of the methods that trained them. */
export interface McNemar {
  readonly total: number;
  /** Images that the first alone, and the second alone, has right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** The first's accuracy less the second's. */
  readonly difference: number;
  readonly interval: Interval;
  /** Of the hypothesis that both are right equally often: two-sided, exact. */
  readonly pValue: number;
}

/** @throws UserError where the outcomes are of different images, or of none */
export const requireSameImages = (first: Uint8Array, second: Uint8Array): void => {
  if (first.length === second.length && first.length > 0) return;
  throw new UserError(
    `outcomes of ${first.length} and ${second.length} images can't be compared image by image: wanted are two of the same.`,
  );
};

/** Both tails of a fair coin are alike; the library's two-sided test loses one of them where they are very small. */
const twoSided = (first: number, second: number): number =>
  first === second
    ? 1
    : Math.min(1, 2 * binomialTest(Math.min(first, second), first + second, { alternative: 'less' }).pValue);

/**
 * The exact McNemar test: of the images that one network alone has right, as many should be the first's as the second's
 * (binomial). The interval of the difference is Bonett and Price's (2012): that of Wald with one image added to each
 * kind of discordant ones.
 * @param first one entry an image, 1 where it is right, else 0
 * @throws UserError where the outcomes are of different images, or of none
 */
export const mcnemar = (first: Uint8Array, second: Uint8Array, level = defaultLevel): McNemar => {
  requireSameImages(first, second);
  const total = first.length;
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let image = 0; image < total; image++) {
    if (first[image] === second[image]) continue;
    if (first[image] === 1) onlyFirst++;
    else onlySecond++;
  }
  const shareFirst = (onlyFirst + 1) / (total + 2);
  const shareSecond = (onlySecond + 1) / (total + 2);
  const centre = shareFirst - shareSecond;
  const half = normalWidth(level) * Math.sqrt((shareFirst + shareSecond - centre ** 2) / (total + 2));
  return {
    total,
    onlyFirst,
    onlySecond,
    difference: (onlyFirst - onlySecond) / total,
    interval: [Math.max(centre - half, -1), Math.min(centre + half, 1)],
    pValue: twoSided(onlyFirst, onlySecond),
  };
};
