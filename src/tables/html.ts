import { columnGroups, type Cell, type Table } from './table.js';

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
  const groups = columnGroups(columns).map(({ title, span }) =>
    title === undefined
      ? '<td></td>'
      : `<th scope="colgroup" colspan="${span}" style="text-align:center">${escapeHtml(title)}</th>`,
  );
  const heads = [
    ...(groups.length > 0 ? [`<tr>${groups.join('')}</tr>`] : []),
    `<tr>${columns.map(({ title }, i) => `<th scope="col" ${style(i)}>${escapeHtml(title)}</th>`).join('')}</tr>`,
  ];
  const body = rows.map(
    (row) => `<tr>${columns.map((_, i) => `<td ${style(i)}>${htmlCell(row[i] ?? '')}</td>`).join('')}</tr>`,
  );
  return [
    ...(caption === undefined ? [] : [`<p><b>${escapeHtml(caption)}</b></p>`]),
    // A heading over nothing says nothing.
    ...(rows.length === 0 ? [] : [`<table><thead>${heads.join('')}</thead><tbody>`, ...body, '</tbody></table>']),
    ...notes.map((note) => `<p><small>${escapeHtml(note)}</small></p>`),
  ].join('\n');
};
