import { z } from 'zod';
import { messageOf, UserError } from '../errors.js';

const bundle = z.record(z.string(), z.unknown());
const output = z.union([
  z.looseObject({ output_type: z.literal('stream'), name: z.string() }),
  z.looseObject({ output_type: z.enum(['display_data', 'execute_result']), data: bundle }),
  z.looseObject({ output_type: z.literal('error'), ename: z.string(), evalue: z.string() }),
]);
const cell = z.discriminatedUnion('cell_type', [
  z.looseObject({ cell_type: z.enum(['markdown', 'raw']), metadata: bundle }),
  z.looseObject({
    cell_type: z.literal('code'),
    metadata: bundle,
    execution_count: z.number().int().nullable(),
    outputs: z.array(output),
  }),
]);
const notebookSchema = z.looseObject({ nbformat: z.literal(4), metadata: bundle, cells: z.array(cell) });

export type Output = z.infer<typeof output>;
export type Cell = z.infer<typeof cell>;
/** A notebook as its file holds it (nbformat 4); only what we look at is typed. */
export type Notebook = z.infer<typeof notebookSchema>;

export const codeCells = ({ cells }: Notebook): Extract<Cell, { cell_type: 'code' }>[] =>
  cells.filter((item) => item.cell_type === 'code');

/** @throws UserError where `text` is no notebook */
export const parseNotebook = (text: string, file: string): Notebook => {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file}: it can't be read as a notebook (${messageOf(error)}).`);
  }
  const parsed = notebookSchema.safeParse(content);
  if (!parsed.success) throw new UserError(`${file}: it is not a notebook:\n${z.prettifyError(parsed.error)}`);
  // The content itself, not the parsed copy, whose keys are in another order.
  return content as Notebook;
};

/** What front ends leave in a cell of the moment at which it ran, or of how it was looked at. */
const momentary = ['execution', 'ExecuteTime', 'trusted', 'scrolled', 'collapsed', 'vscode'];

const without = (metadata: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(metadata).filter(([name]) => !names.includes(name)));

/** `notebook` without what changes from one execution to the next: times, and the state of front ends. */
export const cleanNotebook = (notebook: Notebook): Notebook => ({
  ...notebook,
  metadata: Object.fromEntries(
    Object.entries(notebook.metadata).filter(([name]) => ['kernelspec', 'language_info'].includes(name)),
  ),
  cells: notebook.cells.map((item) => ({ ...item, metadata: without(item.metadata, momentary) })),
});

/** As Jupyter writes it, so that saving an unchanged notebook there changes nothing. */
export const notebookText = (notebook: Notebook): string => `${JSON.stringify(notebook, null, 1)}\n`;
