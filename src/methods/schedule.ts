import { z } from 'zod';
import { strict } from './strict.js';

const rate = z.number().positive();
const fraction = z.number().min(0).max(1);

/**
 * A learning rate by the position in a run, a fraction: 0 where it begins, 1 where it ends. What a paper has "at epoch e
 * of N", counted from 1, lies at (e − 1)/N, where that epoch begins. So a shorter run is the published one made short.
 */
export const scheduleSchema = z.discriminatedUnion('kind', [
  /** `rate`, multiplied by `factor` at each of the positions `at`. */
  strict({
    kind: z.literal('steps'),
    rate,
    at: z.array(fraction).readonly(),
    factor: z.number().positive(),
  }).readonly(),
  /**
   * The published CIARD code's: `rate` up to `from`, then rate · ½(1 + cos πu) · exp(−decay · u²), where u goes from 0 to 1
   * over the `length` that follows.
   */
  strict({
    kind: z.literal('damped-cosine'),
    rate,
    from: fraction,
    length: z.number().positive().max(1),
    decay: z.number().min(0),
  }).readonly(),
  /** In straight lines from 0 up to `rate` at `peak`, down to 0 at the end; an epoch has the rate of its middle. */
  strict({ kind: z.literal('one-cycle'), rate, peak: fraction }).readonly(),
]);

export type Schedule = z.infer<typeof scheduleSchema>;

/** The position at which the epoch `epoch` (from 1) of a published run of `epochs` begins. */
export const atEpoch = (epoch: number, epochs: number): number => (epoch - 1) / epochs;

/** How many of the positions `at` are reached where the run stands at `progress`. */
export const reached = (at: readonly number[], progress: number): number =>
  at.filter((position) => progress >= position).length;

/** The rate of the epoch `index` (from 0) of a run of `epochs`. */
export const rateAt = (schedule: Schedule, { index, epochs }: { index: number; epochs: number }): number => {
  const progress = index / epochs;
  switch (schedule.kind) {
    case 'steps':
      return schedule.rate * schedule.factor ** reached(schedule.at, progress);
    case 'damped-cosine': {
      if (progress < schedule.from) return schedule.rate;
      const u = (progress - schedule.from) / schedule.length;
      return schedule.rate * 0.5 * (1 + Math.cos(Math.PI * u)) * Math.exp(-schedule.decay * u * u);
    }
    case 'one-cycle': {
      const middle = (index + 0.5) / epochs;
      return middle < schedule.peak
        ? (schedule.rate * middle) / schedule.peak
        : (schedule.rate * (1 - middle)) / (1 - schedule.peak);
    }
  }
};
