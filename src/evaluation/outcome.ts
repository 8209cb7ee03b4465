import { wilsonInterval } from './interval.js';

/** What is left right under an attack. */
export interface AttackOutcome {
  /** Images still classified rightly, of `total`. An image that is wrong without an attack counts as wrong. */
  readonly correct: number;
  readonly total: number;
  readonly accuracy: number;
  /** Where the accuracy lies at 95 % (Wilson). */
  readonly interval: readonly [number, number];
  /** One entry an image, in the order of the indices: 1 where it is still right. */
  readonly outcome: Uint8Array;
  readonly seconds: number;
  /** Images that were attacked (clean: classified), a second. */
  readonly imagesPerSecond: number;
  /** Of a sequence of attacks: what is left after each stage, by its name, in their order. */
  readonly stages?: Readonly<Record<string, AttackOutcome>>;
}

/** @param attacked images that were attacked: those that were right before */
export const outcomeOf = (outcome: Uint8Array, attacked: number, seconds: number): AttackOutcome => {
  const total = outcome.length;
  const correct = outcome.reduce((sum, right) => sum + right, 0);
  return {
    correct,
    total,
    accuracy: total === 0 ? 0 : correct / total,
    interval: wilsonInterval(correct, total),
    outcome,
    seconds,
    imagesPerSecond: seconds > 0 ? attacked / seconds : 0,
  };
};
