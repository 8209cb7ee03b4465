import type { Displayable } from '../display.js';
import type { ClaimVerdict } from '../experiments/claims.js';
import { findingText } from '../experiments/finding.js';
import { tableView } from './cell-records.js';

/**
 * What was found of claims, a sentence each, as a notebook shows it: the conclusion that follows the records, whatever they
 * come to.
 * @param only their numbers; all by default
 */
export const findings = (
  verdicts: readonly ClaimVerdict[],
  only: readonly number[] = verdicts.map(({ claim }) => claim),
): Displayable =>
  tableView({
    columns: [{ title: 'Claim' }, { title: 'At' }, { title: 'Found' }],
    rows: verdicts
      .filter(({ claim }) => only.includes(claim))
      .map((verdict) => {
        const { claim, scale, data, precision } = verdict;
        const at = [scale, data, ...(precision === 'float32' ? [] : [precision])].join(', ');
        return [String(claim), at, findingText(verdict)];
      }),
    notes: [
      'Means and intervals in points of accuracy (an epoch, of slopes) or per cent of training time, at 95 % with Holm’s ' +
        'correction within a claim; of several comparisons the one that decides is told.',
    ],
  });
