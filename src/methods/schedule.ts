/**
 * A learning rate by epoch. `epoch` counts from 1, as the published code does, on the scale that the recipe was written
 * for: a shorter run passes every so-many-th, so that every schedule shrinks with the run.
 */
export type Schedule =
  /** `rate`, multiplied by `factor` at each of the epochs `at`. */
  | { readonly kind: 'steps'; readonly rate: number; readonly at: readonly number[]; readonly factor: number }
  /**
   * The published CIARD code's: `rate` before epoch `from`, then rate · ½(1 + cos πu) · exp(−decay · u²), where u goes
   * from 0 to 1 over the following `length` epochs.
   */
  | {
      readonly kind: 'damped-cosine';
      readonly rate: number;
      readonly from: number;
      readonly length: number;
      readonly decay: number;
    }
  /** In straight lines from 0 before the first epoch up to `rate` at epoch `peak`, down to 0 after epoch `end`. */
  | { readonly kind: 'triangle'; readonly rate: number; readonly peak: number; readonly end: number };

/** The epoch `index` (from 0) of a run of `epochs`, on the scale of a recipe that was written for `writtenFor`. */
export const recipeEpoch = (index: number, { epochs, writtenFor }: { epochs: number; writtenFor: number }): number =>
  1 + (index * writtenFor) / epochs;

/** The rate at `epoch`. */
export const rateAt = (schedule: Schedule, epoch: number): number => {
  const { rate } = schedule;
  switch (schedule.kind) {
    case 'steps':
      return rate * schedule.factor ** schedule.at.filter((milestone) => epoch >= milestone).length;
    case 'damped-cosine': {
      if (epoch < schedule.from) return rate;
      const u = (epoch - schedule.from) / schedule.length;
      return rate * 0.5 * (1 + Math.cos(Math.PI * u)) * Math.exp(-schedule.decay * u * u);
    }
    case 'triangle':
      return epoch < schedule.peak
        ? (rate * epoch) / schedule.peak
        : Math.max(0, (rate * (schedule.end + 1 - epoch)) / (schedule.end + 1 - schedule.peak));
  }
};
