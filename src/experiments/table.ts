import { UserError } from '../errors.js';
import { textOfTable } from '../tables/text.js';
import { execute, isDone, type ExecuteOptions, type Failure } from './execute.js';
import type { Grid, GridSetting } from './grid.js';
import { resultTable, writeTable } from './render.js';
import { measuredRows, resultRows, type ResultRow } from './results.js';
import { inOrder, joinUnits, unitsOf, type Unit } from './units.js';

export interface TableOptions extends ExecuteOptions {
  /** Only these rows, by their keys, and the teachers that they need. */
  readonly only?: readonly string[];
}

export interface TableResult {
  readonly table: string;
  readonly rows: readonly ResultRow[];
  /** For a terminal. */
  readonly text: string;
  /** The Markdown that was written. */
  readonly file: string;
}

/** A grid with some of its rows. @throws UserError where it has no such row */
const onlyRows = (grid: Grid, setting: GridSetting, only: readonly string[] | undefined): Grid => {
  if (!only) return grid;
  const known = [...new Set(grid.rows(setting).map(({ method }) => method))];
  const unknown = only.filter((key) => !known.includes(key));
  if (unknown.length > 0) {
    throw new UserError(
      `--only ${unknown.join(' ')}: the table ${grid.name} has no such row. It has ${known.join(', ')}.`,
    );
  }
  return { ...grid, rows: (given) => grid.rows(given).filter(({ method }) => only.includes(method)) };
};

const unitsOfAll = (grids: readonly Grid[], setting: GridSetting, only: readonly string[] | undefined): Unit[] =>
  joinUnits(grids.flatMap((grid) => unitsOf(onlyRows(grid, setting, only), setting)));

/** What `runTables` would do, in its order. */
export const planTable = async (
  grids: readonly Grid[],
  setting: GridSetting,
  { places, only }: TableOptions,
): Promise<{ readonly id: string; readonly name: string; readonly cells: number; readonly done: boolean }[]> => {
  const plan = [];
  for (const unit of inOrder(unitsOfAll(grids, setting, only))) {
    plan.push({ id: unit.id, name: unit.name, cells: unit.cells.length, done: await isDone(unit, places) });
  }
  return plan;
};

/**
 * Runs what tables lack and renders them: all rows for which there is a record, whoever ran it.
 * @throws UserError where a row is not known
 * @throws InterruptedError where the signal aborts; the same call goes on
 */
export const runTables = async (
  grids: readonly Grid[],
  setting: GridSetting,
  options: TableOptions,
): Promise<{ readonly failures: readonly Failure[]; readonly results: readonly TableResult[] }> => {
  const failures = await execute(unitsOfAll(grids, setting, options.only), options);
  const results: TableResult[] = [];
  for (const grid of grids) {
    const measured = await measuredRows(grid, setting, options.places);
    const rows = resultRows(grid, setting, measured);
    results.push({
      table: grid.name,
      rows,
      text: textOfTable(resultTable(grid, setting, rows, measured)),
      file: await writeTable(grid, setting, rows, measured, options.places),
    });
  }
  return { failures, results };
};
