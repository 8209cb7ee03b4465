import { join } from 'node:path';
import type { Places } from '../experiments/places.js';
import { scales, type Scale } from '../experiments/scale.js';

/** What a notebook is run with. */
export interface NotebookSetting {
  /** Whether a test runs it: fewer images, epochs and replicates. */
  readonly isSmall: boolean;
  /** The folder of its own training runs. */
  readonly runs: string;
  /** For `table`: it measures here, whatever was measured elsewhere. */
  readonly places: Places;
  /** The scale `quick`, made smaller for a test. */
  readonly scale: Scale;
}

/**
 * What the notebook `name` is run with: all of it by default, and what `ciard notebooks run` says where that runs it (by
 * CIARD_NOTEBOOK_BUDGET and CIARD_NOTEBOOK_RUNS).
 */
export const notebookSetting = (name: string): NotebookSetting => {
  const { CIARD_NOTEBOOK_BUDGET: budget = 'full', CIARD_NOTEBOOK_RUNS: given } = process.env;
  const isSmall = budget === 'small';
  const runs = given ?? join('runs', 'notebooks', isSmall ? `${name}-small` : name);
  const { quick } = scales;
  return {
    isSmall,
    runs,
    places: { results: join(runs, 'results'), runs: join(runs, 'cells') },
    scale: isSmall
      ? { ...quick, trainImages: 640, changes: (method) => ({ ...quick.changes(method), epochs: 2 }) }
      : quick,
  };
};
