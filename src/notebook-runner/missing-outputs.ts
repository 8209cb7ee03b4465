import { codeCells, type Notebook, type Output } from './notebook.js';

/** What an output can be shown as: MIME types, or the stream that was written to. */
const kindsOf = (output: Output): string[] => {
  if (output.output_type === 'stream') return [output.name];
  if (output.output_type === 'error') return ['error'];
  return Object.keys(output.data);
};

const countKinds = (outputs: readonly Output[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const kind of outputs.flatMap(kindsOf)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
};

export interface MissingOutput {
  /** The number of the code cell, from 1, as Jupyter shows it. */
  readonly cell: number;
  /** A MIME type, 'stdout', 'stderr', or 'execution count' for a cell that was never executed. */
  readonly kind: string;
}

/**
 * The outputs of `committed` that `executed`, the same notebook run again, does not have: by cell and MIME type, whatever
 * they show. A code cell of `committed` that has no execution count was committed without its outputs.
 */
export const missingOutputs = (committed: Notebook, executed: Notebook): MissingOutput[] => {
  const after = codeCells(executed);
  return codeCells(committed).flatMap(({ execution_count: count, outputs }, index) => {
    const cell = index + 1;
    if (count === null) return [{ cell, kind: 'execution count' }];
    const present = countKinds(after[index]?.outputs ?? []);
    return [...countKinds(outputs)]
      .filter(([kind, wanted]) => (present.get(kind) ?? 0) < wanted)
      .map(([kind]) => ({ cell, kind }));
  });
};
