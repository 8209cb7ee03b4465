import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { writeAtomically } from '../atomic-write.js';
import { UserError } from '../errors.js';
import { places } from '../setup/places.mjs';
import { executeNotebook, type CellFailure, type ExecuteOptions } from './execute.js';
import { missingOutputs, type MissingOutput } from './missing-outputs.js';
import { cleanNotebook, codeCells, notebookText, parseNotebook, type Notebook } from './notebook.js';

export interface RunOptions extends ExecuteOptions {
  /** Only compare with what is there: nothing is written. */
  readonly check?: boolean;
  /** Where the notebooks lie. Default: the repository's. */
  readonly folder?: string;
}

export interface NotebookReport {
  readonly name: string;
  /** Code cells. */
  readonly cells: number;
  readonly seconds: number;
  /** The cell that failed; those after it did not run. */
  readonly failure?: CellFailure | undefined;
  /** With `check`: outputs that the file has and this execution has not. Empty after a failure. */
  readonly missing: readonly MissingOutput[];
  /** Whether the file was given its new outputs. */
  readonly written: boolean;
}

const notebooksFolder = join(places.root, 'notebooks');

const ending = '.ipynb';

/**
 * The files of the notebooks that are named ('00-quickstart', or the file's path); all of the folder where none is.
 * @throws UserError naming those that there are
 */
export const findNotebooks = async (names: readonly string[], folder = notebooksFolder): Promise<string[]> => {
  const known = (await readdir(folder))
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => join(folder, file));
  if (names.length === 0) return known;
  return names.map((name) => {
    const isPath = dirname(name) !== '.';
    const found = known.find((file) =>
      isPath ? resolve(name) === file : basename(file, ending) === basename(name, ending),
    );
    if (found) return found;
    const all = known.map((file) => basename(file, ending)).join(', ');
    throw new UserError(`there is no notebook "${name}" in ${folder}. Known are ${all}.`);
  });
};

/** @throws UserError where an output shows a path of this machine, which is nothing to others */
const refusePaths = (name: string, notebook: Notebook, runs: string): void => {
  codeCells(notebook).forEach(({ outputs }, index) => {
    const text = JSON.stringify(outputs);
    const path = [`${places.root}/`, runs].find((candidate) => text.includes(candidate));
    if (path === undefined) return;
    throw new UserError(
      `${name}, cell [${index + 1}]: its output names ${path}, a path of this machine. Nothing was written; let the cell show less.`,
    );
  });
};

/** @throws UserError where a source was edited since `start`: outputs would be of neither version */
const refuseEdits = async (name: string, start: number): Promise<void> => {
  const sources = join(places.root, 'src');
  for (const file of (await readdir(sources, { recursive: true })).sort()) {
    const found = await stat(join(sources, file));
    if (found.isFile() && found.mtimeMs > start) {
      throw new UserError(`src/${file} was edited while ${name} ran. Nothing was written; run it again.`);
    }
  }
};

/**
 * Executes the notebook `file` and writes its outputs into it; with `check` compares them with those that are there.
 * Nothing is written where a cell fails.
 * @throws UserError where the file is no notebook, an output names a path of this machine, the sources were edited
 * meanwhile, or Jupyter is not installed
 * @throws InterruptedError where `signal` aborts
 */
export const runNotebook = async (file: string, options: RunOptions = {}): Promise<NotebookReport> => {
  const { check = false } = options;
  const name = basename(file, ending);
  const committed = parseNotebook(await readFile(file, 'utf8'), file);
  const start = Date.now();
  const { notebook, failure, seconds, runs } = await executeNotebook(file, options);
  const executed = cleanNotebook(notebook);
  const written = !check && !failure;
  if (written) {
    refusePaths(name, executed, runs);
    await refuseEdits(name, start);
    await writeAtomically(file, [notebookText(executed)]);
  }
  return {
    name,
    cells: codeCells(committed).length,
    seconds,
    failure,
    missing: check && !failure ? missingOutputs(committed, executed) : [],
    written,
  };
};

/** A report as lines for a person. */
export const reportLines = ({ name, cells, seconds, failure, missing, written }: NotebookReport): string[] => {
  const outcome = failure
    ? `cell [${failure.cell}] failed`
    : missing.length > 0
      ? 'outputs are missing'
      : written
        ? 'outputs written'
        : 'in order';
  return [
    `${name}: ${cells} code cells, ${seconds.toFixed(0)} s: ${outcome}`,
    ...(failure ? (failure.traceback.length > 0 ? failure.traceback : [`${failure.name}: ${failure.message}`]) : []),
    ...missing.map(({ cell, kind }) =>
      kind === 'execution count'
        ? `  cell [${cell}] was never executed: "ciard notebooks run ${name}" writes its outputs`
        : `  cell [${cell}] no longer gives ${kind}`,
    ),
  ];
};
