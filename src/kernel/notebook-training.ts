import { loadNetwork } from '../checkpoints/checkpoint.js';
import { liveTrainingCurves } from '../figures/live-training.js';
import type { WeightedNetwork } from '../models/network.js';
import { train, type TrainingRun, type TrainOptions } from '../training/train.js';
import { display } from './display.js';
import { notebookProgress } from './notebook-progress.js';

/** A training run that was watched. */
export interface LiveTrainingRun extends TrainingRun {
  /** The network of the epoch that was chosen; tensors are the caller's. */
  readonly network: () => Promise<WeightedNetwork>;
}

/**
 * `train` as a notebook shows it: curves that grow with every epoch, and a bar. An interrupt saves its state, and the same
 * call goes on.
 * @param options those of `train`, and the `title` of the curves (default: the method's)
 */
export const trainLive = async ({
  title,
  ...options
}: TrainOptions & { readonly title?: string }): Promise<LiveTrainingRun> => {
  const curves = liveTrainingCurves(display, {
    title: title ?? options.method.title,
    epochs: (options.recipe ?? options.method.recipe).epochs,
  });
  const run = await train({ progress: notebookProgress(), ...options, onEpoch: curves });
  // A run that was whole before has told of no epoch.
  run.history.forEach(curves);
  return { ...run, network: () => loadNetwork(run.bestFile) };
};
