import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { CellRecord } from '../results/cell-record.js';
import type { Table } from '../tables/table.js';
import { execute, isDone, workLeft, type ExecuteOptions, type Failure } from './execute.js';
import type { Grid, GridSetting } from './grid.js';
import { bestFile } from '../training/run-folder.js';
import { recordOf, runFolder, type Places } from './places.js';
import { resultTable, writeTable } from './render.js';
import { recordsOf, resultRows, rowsOnRecord, type MeasuredRow, type ResultRow } from './results.js';
import { inOrder, joinUnits, unitsOf, workOf, type Unit } from './units.js';

export interface TableOptions extends ExecuteOptions {
  /** Only these rows, by their keys, and the teachers that they need. */
  readonly only?: readonly string[];
}

export interface TableResult {
  /** The grid's name. */
  readonly grid: string;
  readonly rows: readonly ResultRow[];
  /** What the rows were made of: each network with its records. */
  readonly measured: readonly MeasuredRow[];
  readonly records: readonly CellRecord[];
  /** The rows as a reader sees them. */
  readonly shown: Table;
  /** The Markdown that was written. */
  readonly file: string;
}

/** What is to be run, and what is there. */
export interface PlannedUnit {
  readonly id: string;
  readonly name: string;
  readonly cells: number;
  readonly done: boolean;
  /** Whether its training is on record. */
  readonly trained: boolean;
  /** Seconds of one process, by what was measured on this machine; null where nothing was. */
  readonly seconds: number | null;
  /** Of its run folder, as large as those that are here are on average; null where none is. */
  readonly bytes: number | null;
}

/** @throws UserError where a table asks nothing at a scale */
export const checkHasRows = (grid: Grid, setting: GridSetting): void => {
  if (grid.rows(setting).length > 0) return;
  throw new UserError(
    `the table ${grid.name} has no rows at the scale ${setting.scale.name} on ${setting.data.name}: what it tries was not ` +
      'tried there. Name another --scale.',
  );
};

/** A grid with some of its rows. @throws UserError where it has no such row */
export const onlyRows = (grid: Grid, setting: GridSetting, only: readonly string[] | undefined): Grid => {
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

/** The files of a training that was run here; 0 where it was not. */
const bytesOf = (folder: string): number =>
  existsSync(bestFile(folder))
    ? readdirSync(folder)
        .map((name) => statSync(join(folder, name)))
        .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)
    : 0;

/** Seconds of a process for a unit of work, by what this processor has done of these. */
const measuredPace = async (units: readonly Unit[], places: Places): Promise<number | undefined> => {
  const processor = cpus()[0]?.model;
  let [seconds, work] = [0, 0];
  for (const unit of units) {
    const records = await Promise.all(unit.cells.map(({ id }) => recordOf(places, id, unit.grid)));
    if (!records.every((record) => record?.environment.cpu === processor)) continue;
    seconds += records.reduce((sum, record) => sum + (record?.cost.wall ?? 0), 0);
    work += workOf(unit);
  }
  return work > 0 ? seconds / work : undefined;
};

/** What tables are made of, what they share once. @throws UserError where one has no such row */
export const unitsOfTables = (
  grids: readonly Grid[],
  setting: GridSetting,
  only: readonly string[] | undefined,
): Unit[] => joinUnits(grids.flatMap((grid) => unitsOf(onlyRows(grid, setting, only), setting)));

/** What `runTables` would do, in its order. */
export const planTable = async (
  grids: readonly Grid[],
  setting: GridSetting,
  { places, only }: TableOptions,
): Promise<PlannedUnit[]> => {
  const units = inOrder(unitsOfTables(grids, setting, only));
  const secondsPerWork = await measuredPace(units, places);
  const sizes = units.map(({ id }) => bytesOf(runFolder(places, id))).filter((size) => size > 0);
  const bytes = sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const plan: PlannedUnit[] = [];
  for (const unit of units) {
    const done = await isDone(unit, places);
    const seconds = done ? 0 : secondsPerWork === undefined ? null : (await workLeft(unit, places)) * secondsPerWork;
    const hasWeights = done || bytesOf(runFolder(places, unit.id)) > 0;
    const { id, name, cells } = unit;
    const trained = (await recordOf(places, id, unit.grid)) !== undefined;
    plan.push({ id, name, cells: cells.length, done, trained, seconds, bytes: hasWeights ? 0 : bytes });
  }
  return plan;
};

/** A plan for a terminal: what is done, and how long the rest will take. */
export const planText = (plan: readonly PlannedUnit[], jobs = availableParallelism()): string => {
  const left = plan.filter(({ done }) => !done);
  const lines = plan.map(
    ({ name, done, trained, cells }) =>
      `${done ? 'done   ' : trained ? 'in part' : 'to do  '}  ${name} (${cells} cells)`,
  );
  const known = left.every(({ seconds }) => seconds !== null);
  const minutes = left.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0) / 60 / jobs;
  const bytes = left.reduce((sum, unit) => sum + (unit.bytes ?? 0), 0);
  const disk =
    left.length > 0 && left.every((unit) => unit.bytes !== null) ? `; ${(bytes / 1e6).toFixed(0)} MB of disk` : '';
  const time =
    left.length === 0
      ? ''
      : known
        ? `, about ${minutes.toFixed(0)} minutes with ${jobs} processes by what was measured on this machine`
        : '; how long they take is not known, since none was measured on this machine';
  const evaluated = left.filter(({ trained }) => trained).length;
  return (
    `${lines.join('\n')}\n${left.length - evaluated} of ${plan.length} trainings to do` +
    `${evaluated > 0 ? `, and evaluations of ${evaluated} more` : ''}${time}${disk}\n`
  );
};

/**
 * A table of the records that are there: returned for the setting's replicates (and of `only` these rows), written in all
 * its forms for all that have records, so that a table of one seed never replaces one of more.
 */
export const renderTable = async (
  grid: Grid,
  setting: GridSetting,
  places: Places,
  only?: readonly string[],
): Promise<TableResult> => {
  const all = await rowsOnRecord(grid, setting, places);
  // A pilot has a replicate of its own, whatever is asked for.
  const asked = new Set(grid.rows(setting).map(({ replicate }) => replicate));
  const measured = all.filter(({ replicate, method }) => asked.has(replicate) && (only?.includes(method) ?? true));
  const rows = resultRows(grid, setting, measured);
  return {
    grid: grid.name,
    rows,
    measured,
    records: recordsOf(measured),
    shown: resultTable(grid, setting, rows, measured),
    file: await writeTable(grid, setting, resultRows(grid, setting, all), all, places),
  };
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
  const ownMethods = grids.flatMap((grid) => grid.ownMethods ?? []);
  const failures = await execute(unitsOfTables(grids, setting, options.only), { ...options, ownMethods });
  const results: TableResult[] = [];
  for (const grid of grids) results.push(await renderTable(grid, setting, options.places, options.only));
  return { failures, results };
};
