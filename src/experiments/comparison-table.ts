import { percent } from '../percent.js';
import type { Table } from '../tables/table.js';
import type { Comparison } from './claims.js';

/** A fraction as points, with a sign that reads. */
export const pointsText = (value: number): string => {
  const text = percent(value);
  return text.startsWith('-') ? `−${text.slice(1)}` : `+${text}`;
};

export const intervalText = (interval: Comparison['interval']): string =>
  interval ? `${pointsText(interval[0])} … ${pointsText(interval[1])}` : '–';

/** Where a comparison has to lie for its claim. */
export const askedText = ({ least, side }: Pick<Comparison, 'least' | 'side'>): string =>
  `${side === 'above' ? '>' : '<'} ${least === 0 ? '0' : pointsText(side === 'above' ? least : -least)}`;

/** Comparisons, a row each, in points. */
export const tableOfComparisons = (comparisons: readonly Comparison[]): Table => ({
  columns: [
    { title: 'Comparison' },
    { title: 'Replicates', align: 'right' },
    { title: 'Mean', align: 'right' },
    { title: 'Interval', align: 'right' },
    { title: 'Asked for', align: 'right' },
    { title: 'Verdict' },
  ],
  rows: comparisons.map((comparison) => [
    comparison.what,
    String(comparison.n),
    comparison.mean === null ? '–' : pointsText(comparison.mean),
    intervalText(comparison.interval),
    askedText(comparison),
    { text: comparison.verdict, strong: comparison.verdict !== 'undecided' },
  ]),
});
