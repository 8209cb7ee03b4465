import { fullTitle, plainCell, type Cell, type Table } from './table.js';

/** Text that stands for itself in GitHub's Markdown, on one line. */
const escapeMarkdown = (text: string): string =>
  text
    .replace(/[\\|<>*_`[\]~$]/g, '\\$&')
    // Else it were an entity.
    .replace(/&(?=#?\w+;)/g, '\\&')
    .replace(/[\r\n]+/g, ' ');

/** The same at the beginning of a line, where more has a meaning: headings, lists, rules. */
const escapeLine = (text: string): string => escapeMarkdown(text).replace(/^(\s*\d*)([#+=.)-])/, '$1\\$2');

/** The table in GitHub's Markdown, which knows no heads over several columns: they stand in each column's own. */
export const markdownOfTable = ({ caption, columns, rows, notes = [] }: Table): string => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const cell = (of: Cell): string => {
    const text = escapeMarkdown(plainCell(of));
    if (typeof of === 'string' || text === '') return text;
    if (of.code) return `\`${plainCell(of)}\``;
    if (of.href !== undefined) return `[${text}](${of.href})`;
    return of.strong ? `**${text}**` : text;
  };
  return [
    ...(caption === undefined ? [] : [`**${escapeMarkdown(caption)}**`, '']),
    ...(rows.length === 0
      ? []
      : [
          line(columns.map((column) => escapeMarkdown(fullTitle(column)))),
          line(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
        ]),
    ...rows.map((row) => line(columns.map((_, column) => cell(row[column] ?? '')))),
    ...notes.flatMap((note) => ['', escapeLine(note)]),
  ].join('\n');
};
