import { attackTitle } from '../attacks/catalogue.js';
import { displayable, type Displayable } from '../display.js';
import { accuracyOf } from '../evaluation/accuracy.js';
import { percent } from '../percent.js';
import type { CellRecord } from '../results/cell-record.js';
import { htmlOfTable } from '../tables/html.js';
import { markdownOfTable } from '../tables/markdown.js';
import type { Cell, Table } from '../tables/table.js';
import { textOfTable } from '../tables/text.js';

/** A table as a notebook shows it. */
export const tableView = (table: Table): Displayable =>
  displayable(() => ({
    'text/html': htmlOfTable(table),
    'text/markdown': markdownOfTable(table),
    'text/plain': textOfTable(table),
  }));

/** What came out: an accuracy with its interval, or the epoch that a training chose. */
const outcomeOf = ({ evaluation, training }: CellRecord): Cell => {
  if (evaluation) {
    const { correct, total, interval } = evaluation;
    const [low, high] = interval.map((end) => percent(end, 1));
    return { text: percent(accuracyOf(evaluation)), detail: `${low}–${high}, ${correct} of ${total}` };
  }
  if (!training) return '–';
  const { history, best } = training;
  return { text: `epoch ${best.epoch} of ${history.length}`, detail: `${training.trainImages} images` };
};

/** Records of trainings and evaluations, a row each: what was done, what came out, what it cost, what was doubtful. */
export const cellRecordsTable = (records: readonly CellRecord[]): Displayable =>
  tableView({
    columns: [
      { title: 'Cell' },
      { title: 'What' },
      { title: 'Outcome (%)', align: 'right' },
      { title: 'Seconds', align: 'right' },
      { title: 'Warnings' },
    ],
    rows: records.map((record) => {
      const { name, id, cell, cost, warnings } = record;
      return [
        { text: name, detail: id.slice(0, 12) },
        cell.kind === 'train'
          ? `training by ${cell.method}`
          : `${attackTitle(cell.attack.name)}${cell.data.part === 'train' ? ', training images' : ''}`,
        outcomeOf(record),
        cost.wall.toFixed(1),
        warnings.join('; '),
      ];
    }),
    notes: ['An accuracy with where it lies at 95 %.'],
  });
