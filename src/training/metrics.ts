import { writeMetrics } from './dvclive.js';
import { metricsFolder } from './run-folder.js';
import type { EpochRow } from './run-state.js';

const valuesOf = ({ learningRate, terms, retrained, validation }: EpochRow): Record<string, number> => ({
  learning_rate: learningRate,
  ...Object.fromEntries(Object.entries(terms).map(([name, value]) => [`train/${name}`, value])),
  ...(retrained === undefined ? {} : { 'train/retrained': retrained }),
  ...(validation
    ? { 'validation/clean_accuracy': validation.clean, 'validation/robust_accuracy': validation.robust }
    : {}),
  ...(validation?.teacherRobust === undefined
    ? {}
    : { 'validation/teacher_robust_accuracy': validation.teacherRobust }),
});

/** Writes what a run has measured as metrics that DVC reads. */
export const writeRunMetrics = (folder: string, history: readonly EpochRow[]): Promise<void> =>
  writeMetrics(
    metricsFolder(folder),
    history.map((row) => ({ epoch: row.epoch, values: valuesOf(row) })),
  );
