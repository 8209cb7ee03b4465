import { measureOf, type Accuracy } from './accuracy.js';

/** What is left right under an attack. An image that is wrong without an attack counts as wrong. */
export type AttackOutcome = Accuracy & {
  /** One entry an image, in the order of the indices: 1 where it is still right. */
  readonly outcome: Uint8Array;
  readonly seconds: number;
  /** Images that were attacked (clean: classified), a second. */
  readonly imagesPerSecond: number;
  /** Of a sequence of attacks: what is left after each stage, by its name, in their order. */
  readonly stages?: Readonly<Record<string, AttackOutcome>>;
};

/** @param attacked images that were attacked: those that were right before */
export const outcomeOf = (outcome: Uint8Array, attacked: number, seconds: number): AttackOutcome => ({
  ...measureOf(outcome),
  outcome,
  seconds,
  imagesPerSecond: seconds > 0 ? attacked / seconds : 0,
});
