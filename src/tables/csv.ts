import { fullTitle, plainCell, type Cell, type Table } from './table.js';

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** A cell's own value where it has one, in full precision; else what it shows. */
const field = (cell: Cell): string => {
  if (typeof cell === 'string' || cell.value === undefined) return quoted(plainCell(cell));
  return cell.value === null ? '' : quoted(String(cell.value));
};

/** The table as CSV (RFC 4180): head and rows, each ended by a carriage return and a line feed. Caption and notes stay out. */
export const csvOfTable = ({ columns, rows }: Table): string =>
  [
    columns.map((column) => quoted(fullTitle(column))),
    ...rows.map((row) => columns.map((_, column) => field(row[column] ?? ''))),
  ]
    .map((fields) => `${fields.join(',')}\r\n`)
    .join('');
