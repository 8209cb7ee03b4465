export interface Column {
  readonly title: string;
  /** Numbers stand at the right. Default: left. */
  readonly align?: 'left' | 'right';
  /** Neighbours of one group stand under a common head. */
  readonly group?: string | undefined;
}

/** A cell: its text, or more than that. */
export type Cell =
  | string
  | {
      readonly text: string;
      /** A second line in smaller type; in brackets where there is one line. */
      readonly detail?: string | undefined;
      /** What a machine is to read, where the text is rounded or says that there is nothing (null). */
      readonly value?: number | string | null | undefined;
      readonly strong?: boolean | undefined;
      /** Where the text leads to: in Markdown alone, where the path is that of a file beside it. */
      readonly href?: string | undefined;
      /** Something to type: in Markdown, between backticks, of which it holds none. */
      readonly code?: boolean | undefined;
    };

/** A table before it is text, Markdown, CSV, LaTeX or HTML. */
export interface Table {
  readonly caption?: string | undefined;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  /** Sentences below it. */
  readonly notes?: readonly string[] | undefined;
}

/** A cell on one line. */
export const plainCell = (cell: Cell): string =>
  typeof cell === 'string' ? cell : `${cell.text}${cell.detail === undefined ? '' : ` (${cell.detail})`}`;

/** Neighbouring columns under a common head; without a title, a column that has none. */
export interface ColumnGroup {
  readonly title: string | undefined;
  /** The first column's position, and how many there are. */
  readonly first: number;
  readonly span: number;
}

/** The heads over columns, from left to right; none where no column belongs to a group. */
export const columnGroups = (columns: readonly Column[]): ColumnGroup[] => {
  if (columns.every(({ group }) => group === undefined)) return [];
  const groups: { title: string | undefined; first: number; span: number }[] = [];
  columns.forEach(({ group }, first) => {
    const last = groups.at(-1);
    if (last && group !== undefined && last.title === group) last.span++;
    else groups.push({ title: group, first, span: 1 });
  });
  return groups;
};

/** A column's head on one line, its group's before it. */
export const fullTitle = ({ title, group }: Column): string => (group === undefined ? title : `${group}: ${title}`);
