import { columnGroups, plainCell, type Cell, type Table } from './table.js';

/** How many columns of a terminal a text takes. Wide letters, of Chinese say, are not thought of. */
const widthOf = (text: string): number => Array.from(text).length;

/** A line stays one. */
const onLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, ' ');

const padded = (text: string, width: number, align: 'left' | 'right' | 'middle'): string => {
  const room = Math.max(width - widthOf(text), 0);
  const left = align === 'left' ? 0 : align === 'right' ? room : Math.floor(room / 2);
  return `${' '.repeat(left)}${text}${' '.repeat(room - left)}`;
};

/** The table in columns of a fixed width, for a terminal. */
export const textOfTable = ({ caption, columns, rows, notes = [] }: Table): string => {
  const groups = columnGroups(columns);
  const titles = columns.map(({ title }) => onLine(title));
  const lines = rows.map((row: readonly Cell[]) => columns.map((_, column) => onLine(plainCell(row[column] ?? ''))));
  const widths = titles.map((title, column) =>
    Math.max(widthOf(title), ...lines.map((line) => widthOf(line[column]!))),
  );
  const gap = '  ';
  const spanned = (first: number, span: number): number =>
    widths.slice(first, first + span).reduce((sum, width) => sum + width, gap.length * (span - 1));
  // A head that is wider than its columns widens the last of them.
  for (const { title = '', first, span } of groups) {
    widths[first + span - 1]! += Math.max(widthOf(onLine(title)) - spanned(first, span), 0);
  }
  const joined = (line: readonly string[]): string =>
    line
      .map((text, column) => padded(text, widths[column]!, columns[column]!.align ?? 'left'))
      .join(gap)
      .trimEnd();
  const groupHead = groups
    .map(({ title = '', first, span }) => padded(onLine(title), spanned(first, span), 'middle'))
    .join(gap)
    .trimEnd();
  const groupRule = groups
    .map(({ title, first, span }) => (title === undefined ? ' ' : '─').repeat(spanned(first, span)))
    .join(gap)
    .trimEnd();
  const heading = [
    ...(groups.length > 0 ? [groupHead, groupRule] : []),
    joined(titles),
    widths.map((width) => '─'.repeat(width)).join(gap),
  ];
  return [
    ...(caption === undefined ? [] : [onLine(caption)]),
    // A heading over nothing says nothing.
    ...(rows.length === 0 ? [] : [...heading, ...lines.map(joined)]),
    ...notes.map(onLine),
  ].join('\n');
};
