import type { Displayable } from '../display.js';
import type { ClaimVerdict } from '../experiments/claims.js';
import { askedText, intervalText, pointsText } from '../experiments/comparison-table.js';
import { tableView } from './cell-records.js';

/** What was found of a claim, in a sentence. */
export const findingText = ({ verdict, comparisons, decidedBy, command }: ClaimVerdict): string => {
  const deciding = comparisons.find(({ what }) => what === decidedBy);
  if (deciding?.mean == null) return `nothing is measured: ${command} does it`;
  const count = (of: ClaimVerdict['verdict']): number => comparisons.filter((each) => each.verdict === of).length;
  const share =
    comparisons.length === 1
      ? ''
      : `; of ${comparisons.length} comparisons ${count('supported')} hold, ${count('contradicted')} are contradicted`;
  const replicates = Math.min(...comparisons.map(({ n }) => n));
  const where = deciding.interval ? `${intervalText(deciding.interval)}, ` : '';
  return (
    `${verdict}${share}. ${deciding.what}: ${pointsText(deciding.mean)} ` +
    `(${where}${replicates} replicate${replicates === 1 ? '' : 's'}), asked for is ${askedText(deciding)}`
  );
};

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
      .map((verdict) => [String(verdict.claim), `${verdict.scale}, ${verdict.data}`, findingText(verdict)]),
    notes: [
      'Means and intervals in points of accuracy (an epoch, of slopes) or per cent of training time, at 95 % with Holm’s ' +
        'correction within a claim; of several comparisons the one that decides is told.',
    ],
  });
