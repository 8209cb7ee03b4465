import { displayable } from '../display.js';
import type { EpochRow } from '../training/run-state.js';
import { mimeBundle, pictureBundle } from './mime-bundle.js';
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
 * Curves that grow while a run trains: shows them at once, and returns the `onEpoch` that `train` is to call. While it
 * trains they are a picture, which every notebook draws anew; when the last of `epochs` is there, they hover and zoom.
 *
 * ```ts
 * await train({ …, onEpoch: liveTrainingCurves(display, { title: 'CIARD', epochs: 12 }) });
 * ```
 * @param display the kernel's `display`
 */
export const liveTrainingCurves = (
  display: (value: unknown) => DisplayPlace,
  { history = [], ...options }: LiveTrainingOptions = {},
): ((row: EpochRow) => void) => {
  // By epoch: a run that goes on where it was stopped may tell an epoch again.
  const rows = new Map(history.map((row) => [row.epoch, row]));
  const bundle = (show: typeof mimeBundle) => {
    const figure = trainingCurvesFigure(
      [...rows.values()].sort((a, b) => a.epoch - b.epoch),
      options,
    );
    return displayable(() => show(figure));
  };
  const isWhole = (): boolean => options.epochs !== undefined && rows.has(options.epochs);
  const place = display(bundle(isWhole() ? mimeBundle : pictureBundle));
  return (row) => {
    const known = rows.get(row.epoch);
    rows.set(row.epoch, row);
    if (!isWhole()) {
      place.update(bundle(pictureBundle));
      return;
    }
    // What is drawn already stays as it is, unless a picture comes between.
    if (known !== undefined && JSON.stringify(known) === JSON.stringify(row)) return;
    place.update(bundle(pictureBundle));
    place.update(bundle(mimeBundle));
  };
};
