import type { EpochRow } from '../training/run-state.js';
import type { Figure } from './figure.js';
import { trainingCurvesFigure, type TrainingCurvesOptions } from './training-curves.js';

/** A place in a notebook whose content can be changed, as the kernel's `display` returns it. */
export interface DisplayPlace {
  update(value: unknown): void;
}

export interface LiveTrainingOptions extends Omit<TrainingCurvesOptions, 'chosen'> {
  /** Rows of an earlier start of the run. */
  readonly history?: readonly EpochRow[];
}

/**
 * Curves that grow while a run trains: shows them at once, and returns the `onEpoch` that `train` is to call.
 *
 * ```ts
 * await train({ …, onEpoch: liveTrainingCurves(display, { title: 'CIARD', epochs: 12 }) });
 * ```
 * @param display the kernel's `display`
 */
export const liveTrainingCurves = (
  display: (value: Figure) => DisplayPlace,
  { history = [], ...options }: LiveTrainingOptions = {},
): ((row: EpochRow) => void) => {
  // By epoch: a run that goes on where it was stopped may tell an epoch again.
  const rows = new Map(history.map((row) => [row.epoch, row]));
  const figure = (): Figure =>
    trainingCurvesFigure(
      [...rows.values()].sort((a, b) => a.epoch - b.epoch),
      options,
    );
  const place = display(figure());
  return (row) => {
    rows.set(row.epoch, row);
    place.update(figure());
  };
};
