import { displayable, type Displayable, type MimeBundle } from '../display.js';

export interface Column {
  readonly title: string;
  /** Numbers stand at the right. Default: left. */
  readonly align?: 'left' | 'right';
}

/** A cell: its text, or more than that. */
export type Cell =
  | string
  | {
      readonly text: string;
      /** A second line in smaller type. */
      readonly detail?: string | undefined;
      readonly strong?: boolean;
    };

/** A table before it is HTML, Markdown or text. */
export interface Table {
  readonly caption?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  /** Sentences below it. */
  readonly notes?: readonly string[];
}

const plain = (cell: Cell): string =>
  typeof cell === 'string' ? cell : `${cell.text}${cell.detail === undefined ? '' : ` (${cell.detail})`}`;

/** Text that stands for itself in HTML. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

const htmlCell = (cell: Cell): string => {
  if (typeof cell === 'string') return escapeHtml(cell);
  const text = escapeHtml(cell.text);
  const detail = cell.detail === undefined ? '' : `<br><small>${escapeHtml(cell.detail)}</small>`;
  return `${cell.strong ? `<b>${text}</b>` : text}${detail}`;
};

/** The table as HTML without colours of its own, so that it suits every page, and without scripts or classes. */
export const htmlOfTable = ({ caption, columns, rows, notes = [] }: Table): string => {
  const style = (column: number): string => `style="text-align:${columns[column]?.align ?? 'left'}"`;
  const head = columns.map(({ title }, i) => `<th ${style(i)}>${escapeHtml(title)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell, i) => `<td ${style(i)}>${htmlCell(cell)}</td>`).join('')}</tr>`);
  return [
    ...(caption === undefined ? [] : [`<p><b>${escapeHtml(caption)}</b></p>`]),
    // A heading over nothing says nothing.
    ...(rows.length === 0 ? [] : [`<table><thead><tr>${head}</tr></thead><tbody>`, ...body, '</tbody></table>']),
    ...notes.map((note) => `<p><small>${escapeHtml(note)}</small></p>`),
  ].join('\n');
};

/** The table in GitHub's Markdown. */
export const markdownOfTable = ({ caption, columns, rows, notes = [] }: Table): string => {
  const escaped = (text: string): string => text.replace(/[\\|<>*_`[\]]/g, '\\$&').replaceAll('\n', ' ');
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const cell = (of: Cell): string =>
    typeof of !== 'string' && of.strong ? `**${escaped(plain(of))}**` : escaped(plain(of));
  return [
    ...(caption === undefined ? [] : [`**${escaped(caption)}**`, '']),
    ...(rows.length === 0
      ? []
      : [
          line(columns.map(({ title }) => escaped(title))),
          line(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
        ]),
    ...rows.map((row) => line(row.map(cell))),
    ...notes.flatMap((note) => ['', escaped(note)]),
  ].join('\n');
};

/** The table in columns of a fixed width. */
export const textOfTable = ({ caption, columns, rows, notes = [] }: Table): string => {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(plain))];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const padded = (text: string, column: number): string =>
    columns[column]?.align === 'right' ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  const [head = '', ...body] = lines.map((line) => line.map(padded).join('  ').trimEnd());
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [
    ...(caption === undefined ? [] : [caption]),
    ...(rows.length === 0 ? [] : [head, rule, ...body]),
    ...notes,
  ].join('\n');
};

/** The table for a notebook: as HTML where that is shown, else as Markdown or text. */
export const bundleOfTable = (table: Table): MimeBundle => ({
  'text/html': htmlOfTable(table),
  'text/markdown': markdownOfTable(table),
  'text/plain': textOfTable(table),
});

export const tableView = (table: Table): Displayable => displayable(() => bundleOfTable(table));
