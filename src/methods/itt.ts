import { z } from 'zod';
import type { PhaseContext } from './method.js';

/** When iterative teacher training (ITT) retrains the robust teacher: settings, with the defaults of one of CIARD's kinds. */
export const ittSettings = (defaults: { readonly every: number; readonly for: number }) => ({
  warmUp: z
    .number()
    .min(0)
    .max(1)
    .default(50 / 300)
    .describe(
      'How long the robust teacher is not retrained at first, a fraction of the run (published: 50 of 300 epochs)',
    ),
  retrainEvery: z
    .number()
    .min(0)
    .max(1)
    .default(defaults.every)
    .describe(
      'How often retraining begins after that, a fraction of the run; 0: never (summary: every 10 of 300 epochs; ' +
        'published code: at every step)',
    ),
  retrainFor: z
    .number()
    .min(0)
    .max(1)
    .default(defaults.for)
    .describe(
      'How long it then lasts, a fraction of the run; from retrainEvery on, at every step (here: 1 of 300 epochs)',
    ),
});

export interface IttSettings {
  readonly warmUp: number;
  readonly retrainEvery: number;
  readonly retrainFor: number;
}

/** Less than any step, more than the rounding of what is added up here. */
const rounding = 1e-6;

/** For how long, of a run, the teacher is to have been retrained by `progress`. */
const retrainedBy = (progress: number, { warmUp, retrainEvery, retrainFor }: IttSettings): number => {
  const since = Math.max(0, progress - warmUp);
  if (retrainEvery === 0) return 0;
  if (retrainEvery <= retrainFor) return since;
  const intervals = Math.floor(since / retrainEvery + rounding);
  return intervals * retrainFor + Math.min(retrainFor, Math.max(0, since - intervals * retrainEvery));
};

/**
 * Whether a step retrains the robust teacher. Where an interval and what is retrained of it are whole steps, these are the
 * first of each interval: with 300 epochs, whole epochs as published. Where they are not, the intervals share the parts of
 * steps, so that at every moment as many steps were retrained as are due, to one.
 */
export const isRetrained = (
  { progress, stepLength }: Pick<PhaseContext, 'progress' | 'stepLength'>,
  settings: IttSettings,
): boolean => {
  const stepsBy = (moment: number): number => Math.ceil(retrainedBy(moment, settings) / stepLength - rounding);
  return stepsBy(progress + stepLength) > stepsBy(progress);
};
