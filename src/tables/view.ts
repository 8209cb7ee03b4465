import { displayable, type Displayable, type MimeBundle } from '../display.js';
import { htmlOfTable } from './html.js';
import { markdownOfTable } from './markdown.js';
import type { Table } from './table.js';
import { textOfTable } from './text.js';

/** The table for a notebook: as HTML where that is shown, else as Markdown or text. */
export const bundleOfTable = (table: Table): MimeBundle => ({
  'text/html': htmlOfTable(table),
  'text/markdown': markdownOfTable(table),
  'text/plain': textOfTable(table),
});

export const tableView = (table: Table): Displayable => displayable(() => bundleOfTable(table));
