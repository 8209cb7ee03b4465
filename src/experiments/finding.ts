import type { ClaimVerdict } from './claims.js';
import { askedText, intervalText, pointsText } from './comparison-table.js';

/** What it takes to decide a claim that is undecided. */
const settlingText = ({ comparisons }: ClaimVerdict): string => {
  const open = comparisons.filter(({ verdict }) => verdict === 'undecided');
  const unmeasured = open.filter(({ n }) => n === 0).length;
  if (unmeasured > 0)
    return `Of ${comparisons.length} comparisons ${unmeasured} ${unmeasured === 1 ? 'is' : 'are'} not measured.`;
  if (open.some(({ n }) => n < 2)) return 'One replicate has no interval: it takes more of them.';
  const within = open.filter(({ mean, least }) => Math.abs(mean!) <= least).length;
  if (within > 0) {
    return open.length === 1
      ? 'The mean is within its margin: more replicates settle it only by moving it.'
      : `${within} of ${open.length} undecided means are within their margins: more replicates settle them only by moving them.`;
  }
  const needed = open.map((each) => each.needed);
  if (needed.includes(null)) return 'More replicates would decide it, but too many to plan for.';
  const most = Math.max(...needed.map(Number));
  return `Were all means and deviations to stay as they are, ${most} replicates would decide it.`;
};

/** What was found of a claim, and what would settle it, in sentences. */
export const findingText = (claim: ClaimVerdict): string => {
  const { verdict, comparisons, decidedBy, command } = claim;
  const deciding = comparisons.find(({ what }) => what === decidedBy);
  if (deciding?.mean == null) return `Nothing is measured: ${command} does it.`;
  const count = (of: ClaimVerdict['verdict']): number => comparisons.filter((each) => each.verdict === of).length;
  const [hold, against] = [count('supported'), count('contradicted')];
  const share =
    comparisons.length === 1
      ? ''
      : `: of ${comparisons.length} comparisons ${hold} hold${hold === 1 ? 's' : ''}, ${against} ${against === 1 ? 'is' : 'are'} contradicted`;
  const replicates = deciding.n;
  const where = deciding.interval ? `${intervalText(deciding.interval)}, ` : '';
  return (
    `${verdict[0]!.toUpperCase()}${verdict.slice(1)}${share}. ${deciding.what}: ${pointsText(deciding.mean)} ` +
    `(${where}${replicates} replicate${replicates === 1 ? '' : 's'}); asked for is ${askedText(deciding)}.` +
    (verdict === 'undecided' ? ` ${settlingText(claim)}` : '')
  );
};
