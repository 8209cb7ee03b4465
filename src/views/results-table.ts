import { attackColumn } from '../attacks/catalogue.js';
import { displayable, type Displayable } from '../display.js';
import { accuracyOf } from '../evaluation/accuracy.js';
import { percent } from '../percent.js';
import type { ResultRecord } from '../results/record.js';
import { attacksOf, markdownTable, textTable } from '../results/table.js';
import { htmlOfTable } from '../tables/html.js';
import type { Cell } from '../tables/table.js';

/** An accuracy with its interval; the best of its column is bold. */
const accuracyCell = ({ attacks, paper }: ResultRecord, attack: string, best: number): Cell => {
  const measured = attacks[attack];
  const published = paper?.values[attack];
  const reported = published === undefined ? '' : `paper ${published.toFixed(2)}`;
  if (!measured) return reported === '' ? '–' : { text: '–', detail: reported };
  const accuracy = accuracyOf(measured);
  const interval = measured.interval.map((end) => percent(end, 1)).join('–');
  return {
    text: percent(accuracy),
    detail: [interval, ...(reported === '' ? [] : [reported])].join(' · '),
    strong: accuracy === best,
  };
};

/**
 * The results of a table as a notebook shows them: each accuracy with its interval, the best student's bold.
 * @throws UserError where there are none
 */
export const resultsTable = (records: readonly ResultRecord[]): Displayable => {
  const attacks = attacksOf(records);
  const best = Object.fromEntries(
    attacks.map((attack) => [
      attack,
      Math.max(
        ...records.flatMap(({ role, attacks: measured }) => {
          const measurement = measured[attack];
          return role === 'student' && measurement ? [accuracyOf(measurement)] : [];
        }),
      ),
    ]),
  );
  const totals = [...new Set(records.flatMap((record) => Object.values(record.attacks).map(({ total }) => total)))];
  const radii = [...new Set(records.map(({ epsilon }) => `${Math.round(epsilon * 25500) / 100}/255`))];
  return displayable(() => ({
    'text/html': htmlOfTable({
      columns: [
        { title: 'Network' },
        { title: 'Trained by' },
        ...attacks.map((attack) => ({ title: `${attackColumn(attack)} (%)`, align: 'right' as const })),
      ],
      rows: records.map((record) => [
        `${record.architecture}${record.width === 1 ? '' : ` × ${record.width}`}`,
        record.role === 'student' ? record.title : { text: record.title, detail: record.role },
        ...attacks.map((attack) =>
          accuracyCell(record, attack, record.role === 'student' ? (best[attack] ?? NaN) : NaN),
        ),
      ]),
      notes: [
        `Accuracy on ${totals.join(' or ')} test images, ε = ${radii.join(' or ')}; below it where it lies at 95 %. ` +
          'Bold: the best student.',
      ],
    }),
    'text/markdown': markdownTable(records),
    'text/plain': textTable(records),
  }));
};
