import type { Displayable } from '../display.js';
import type { Comparison } from '../experiments/claims.js';
import { tableOfComparisons } from '../experiments/comparison-table.js';
import { tableView } from './cell-records.js';

/** Comparisons as a notebook shows them. */
export const comparisonsView = (comparisons: readonly Comparison[]): Displayable =>
  tableView({
    ...tableOfComparisons(comparisons),
    notes: [
      'Differences within each replicate, in points of accuracy; t intervals over replicates at 95 % with Holm’s ' +
        'correction. Supported: the whole interval lies beyond what is asked for; contradicted: as far on the other side.',
    ],
  });
