import type { DatasetName } from '../data/names.js';
import { displaySymbol, type Displayable } from '../display.js';
import type { Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import { compareMethods, type Comparison } from '../experiments/claims.js';
import { tableCommand, type Grid, type GridSetting } from '../experiments/grid.js';
import { findGrid } from '../experiments/grids.js';
import { defaultPlaces, type Places } from '../experiments/places.js';
import type { Figure } from '../figures/figure.js';
import { tableFigures } from '../experiments/figures.js';
import { resultTable } from '../experiments/render.js';
import { measuredRows, resultRows, rowsOnRecord, type MeasuredRow, type ResultRow } from '../experiments/results.js';
import { loadTrained } from '../experiments/run-cell.js';
import type { Scale } from '../experiments/scale.js';
import type { ScaleName } from '../experiments/scale-names.js';
import { settingOf } from '../experiments/setting.js';
import { runTables, type TableResult } from '../experiments/table.js';
import type { WeightedNetwork } from '../models/network.js';
import { cellId } from '../results/cell.js';
import { tableView } from '../views/cell-records.js';
import { comparisonsView } from '../views/comparisons.js';
import { display } from './display.js';

export interface TableRequest {
  /** Default: the scale's first. */
  readonly data?: DatasetName;
  /** A scale by name, or one of one's own. Default: quick. */
  readonly scale?: ScaleName | Scale;
  /** Replicates 0 … n − 1. Default: those of the scale. */
  readonly seeds?: number;
  /** Only these rows, by their keys, and the teachers that they need. Default: all. */
  readonly only?: readonly string[];
  /** Processes at a time, each with one TensorFlow thread. Default: one a processor. */
  readonly jobs?: number;
  readonly places?: Places;
  readonly signal?: AbortSignal;
}

/** A table that was run: its rows, the records behind them, what it was laid out for. It is shown while it runs. */
export interface TableRun extends TableResult, Displayable {
  readonly setting: GridSetting;
  /** Clean against robust accuracy, a figure a student. */
  readonly figures: readonly Figure[];
  /**
   * The network of a row, by its key; `teacher`: the teacher that it learned from. Tensors are the caller's.
   * @throws UserError where there is no such row, or its network is not here
   */
  readonly network: (
    method: string,
    options?: { readonly replicate?: number; readonly teacher?: 'clean' | 'robust' },
  ) => Promise<WeightedNetwork>;
  /** Two rows compared within each replicate: differences with their intervals and verdicts, shown as a table. */
  readonly compare: (
    first: string,
    second: string,
    attacks?: readonly string[],
  ) => Displayable & {
    readonly comparisons: readonly Comparison[];
  };
}

const figuresOf = (grid: Grid, setting: GridSetting, rows: readonly ResultRow[]): Figure[] =>
  tableFigures(grid, setting, rows).map(({ figure }) => figure);

/** What is recorded of a table; it is shown as a table. */
export interface RecordedTable extends Displayable {
  readonly setting: GridSetting;
  /** The rows of which something is measured. */
  readonly rows: readonly ResultRow[];
  readonly measured: readonly MeasuredRow[];
  /** Clean against robust accuracy, a figure a student; none where too little is measured. */
  readonly figures: readonly Figure[];
  /** What measures the rest. */
  readonly command: string;
}

/**
 * What the records say of a table. Nothing is run: what is missing is said, and the command that measures it.
 * @throws UserError where there is no such table, or the scale is not for that data set
 */
export const recordedTable = async (
  which: string,
  {
    data,
    scale = 'quick',
    precision,
    places = defaultPlaces(),
  }: {
    readonly data?: DatasetName;
    readonly scale?: ScaleName;
    readonly precision?: Precision;
    readonly places?: Places;
  } = {},
): Promise<RecordedTable> => {
  const grid = findGrid(which);
  const setting = await settingOf(scale, { data, precision });
  const all = await rowsOnRecord(grid, setting, places);
  const measured = all.filter(({ training }) => training);
  const rows = resultRows(grid, setting, measured);
  const shown = resultTable(grid, setting, rows, measured);
  const command = tableCommand(grid.name, setting);
  const state =
    measured.length === all.length
      ? `All ${all.length} networks are trained; ${command} regenerates the table.`
      : `${measured.length} of ${all.length} networks are trained; ${command} trains and measures the rest.`;
  return {
    ...{ setting, rows, measured, command, figures: figuresOf(grid, setting, rows) },
    ...tableView(
      rows.length === 0
        ? { ...shown, columns: [], notes: [state] }
        : { ...shown, notes: [...(shown.notes ?? []), state] },
    ),
  };
};

/**
 * Runs what a table lacks, as `ciard table` does, and shows it while it grows: the rows that are measured, and how far the
 * rest is. As a cell's last expression it is not shown twice.
 * @param which a table's name, or a grid of one's own (`defineGrid`)
 * @throws UserError where there is no such table or row, or a training fails
 * @throws InterruptedError where the cell is interrupted: what is done is kept, and the same call goes on
 */
export const table = async (
  which: string | Grid,
  { data, scale = 'quick', seeds, places = defaultPlaces(), ...options }: TableRequest = {},
): Promise<TableRun> => {
  const grid = typeof which === 'string' ? findGrid(which) : which;
  const named = await settingOf(typeof scale === 'string' ? scale : scale.name, { data, replicates: seeds });
  const setting = typeof scale === 'string' ? named : { ...named, scale };
  const { only } = options;
  const shownOf = async (line: string) => {
    const rows = (await measuredRows(grid, setting, places)).filter(({ method }) => only?.includes(method) ?? true);
    const shown = resultTable(grid, setting, resultRows(grid, setting, rows), rows);
    return tableView(line === '' ? shown : { ...shown, notes: [line] });
  };
  const place = display(await shownOf('beginning'));
  let last = Promise.resolve();
  const { failures, results } = await runTables([grid], setting, {
    ...options,
    places,
    say(line) {
      // In the order in which they were said.
      last = last.then(async () => {
        place.update(await shownOf(line));
      });
    },
  });
  await last;
  place.update(await shownOf(''));
  if (failures.length > 0) {
    throw new UserError(
      `not whole: ${failures.map(({ name, reason }) => `${name}: ${reason}`).join('; ')}. The same call runs them again.`,
    );
  }
  const result = results[0]!;
  const { measured } = result;
  const rowOf = (method: string, replicate: number) => {
    const row = measured.find((candidate) => candidate.method === method && candidate.replicate === replicate);
    if (row) return row;
    const known = [...new Set(measured.map((candidate) => candidate.method))].join(', ');
    throw new UserError(`there is no row ${method} of replicate ${replicate}. Known are ${known}.`);
  };
  return {
    ...result,
    setting,
    figures: figuresOf(grid, setting, result.rows),
    async network(method, { replicate = 0, teacher } = {}) {
      const { train } = rowOf(method, replicate);
      const id = teacher === undefined ? cellId(train) : train.teachers[teacher];
      if (id === null) throw new UserError(`${method} has no ${teacher ?? ''} teacher.`);
      return loadTrained(places, id);
    },
    compare(first, second, attacks) {
      for (const method of [first, second]) rowOf(method, 0);
      const comparisons = compareMethods(measured, first, second, attacks);
      return { ...comparisonsView(comparisons), comparisons };
    },
    [displaySymbol]: () => ({}),
  };
};
