import type { Displayable } from '../display.js';
import type { ClaimVerdict } from '../experiments/claims.js';
import { intervalText } from '../experiments/comparison-table.js';
import { tableView } from './cell-records.js';

/**
 * Claims with their verdicts as a notebook shows them.
 * @param only their numbers; all by default
 */
export const claimsTable = (
  verdicts: readonly ClaimVerdict[],
  only = verdicts.map(({ claim }) => claim),
): Displayable =>
  tableView({
    columns: [
      { title: '' },
      { title: 'The paper says' },
      { title: 'Verdict' },
      { title: 'Interval', align: 'right' },
      { title: 'Replicates', align: 'right' },
      { title: 'Command' },
    ],
    rows: verdicts
      .filter(({ claim }) => only.includes(claim))
      .map(({ claim, text, verdict, interval, comparisons, command }) => [
        String(claim),
        text,
        { text: verdict, strong: verdict !== 'undecided' },
        intervalText(interval),
        String(Math.min(...comparisons.map(({ n }) => n))),
        { text: command, code: true },
      ]),
    notes: ['The interval is that of the comparison that decides; replicates are those of the comparison with fewest.'],
  });
