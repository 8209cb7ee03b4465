import type { Cell, Table } from '../tables/table.js';
import type { Figure } from './figure.js';

/** A text of a figure without plotly's marks. */
export const plainText = (text: string): string => text.replaceAll(/<br>/g, ' ').replaceAll(/<[^>]*>/g, '');

const at = (array: unknown, i: number): unknown => (Array.isArray(array) ? (array as unknown[])[i] : undefined);

const cell = (value: unknown): Cell =>
  typeof value === 'number' || (typeof value === 'string' && value !== '')
    ? { text: String(value), value }
    : { text: '–', value: null };

/** How far an interval reaches; nothing where there is none. */
const reach = (error: unknown, i: number): Cell[] => {
  const { array, arrayminus } = (error ?? {}) as { array?: number[]; arrayminus?: number[] };
  const both = [at(arrayminus, i), at(array, i)];
  return both.map((value) => cell(both.every((each) => each === 0) ? undefined : value));
};

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || ArrayBuffer.isView(value);

/** What a figure draws, as a table: a row a point, of every trace that tells of its points under the pointer. */
export const tableOfFigure = ({ data, layout }: Figure): Table & { readonly caption: string } => {
  const told = data.filter(({ hoverinfo, hovertemplate, x }) => hoverinfo !== 'skip' && hovertemplate && isList(x));
  const isUp = told.some(({ error_y: error }) => error !== undefined);
  const isAcross = told.some(({ error_x: error }) => error !== undefined);
  const isMarked = told.some(({ customdata }) => customdata !== undefined);
  const numbers = (...titles: string[]) => titles.map((title) => ({ title, align: 'right' as const }));
  return {
    caption: `What is drawn in ‘${plainText(layout.title?.text ?? 'the figure')}’`,
    columns: [
      { title: 'Series' },
      { title: layout.xaxis?.title?.text ?? 'x' },
      { title: layout.yaxis?.title?.text ?? 'y', align: 'right' },
      ...(isUp ? numbers('below', 'above') : []),
      ...(isAcross ? numbers('left', 'right') : []),
      ...(isMarked ? [...numbers('s.d.'), { title: 'marked' }] : []),
    ],
    rows: told.flatMap((trace) =>
      Array.from(trace.x as ArrayLike<unknown>, (x, i): Cell[] => {
        const isText = trace.mode === 'lines+markers' && Array.isArray(trace.text);
        const beside = at(trace.customdata, i);
        return [
          plainText(trace.name ?? ''),
          cell(x),
          cell(isText ? at(trace.text, i) : at(trace.y, i)),
          ...(isUp ? reach(trace.error_y, i) : []),
          ...(isAcross ? reach(trace.error_x, i) : []),
          ...(isMarked ? [cell(at(beside, 0)), cell(at(beside, 1))] : []),
        ];
      }),
    ),
    notes: isUp ? [`Below and above${isAcross ? ', left and right' : ''}: how far the interval reaches.`] : [],
  };
};
