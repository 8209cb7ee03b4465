import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { Progress } from '../progress.js';
import type { CellRecord } from '../results/cell-record.js';
import { cellId, type Cell, type CellId } from '../results/cell.js';
import { bestFile } from '../training/run-folder.js';
import { settingPath, type Grid, type GridRow, type GridSetting, type PlannedCell } from './grid.js';
import { restoreWeights, writeAccuracies, writeNetwork } from './network-files.js';
import {
  entryOf,
  evaluateCellsOf,
  noNetwork,
  readNetworkFile,
  trainCellOf,
  type PipelineSettings,
} from './pipeline-settings.js';
import { recordOf, runFolder, type Places } from './places.js';
import { writeTable } from './render.js';
import { measuredRows, resultRows } from './results.js';
import { runCells } from './run-cell.js';
import { settingOf } from './setting.js';

export interface StageOptions {
  readonly places: Places;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** A table's settings, and the folder that they lie in. */
export interface StageSettings {
  readonly settings: PipelineSettings;
  readonly folder: string;
}

const networkFolder = (folder: string, name: string): string => join(folder, 'networks', name);
const accuraciesFile = (folder: string, name: string): string => join(folder, 'evaluations', `${name}.json`);

const plan = (
  { settings: { data, table } }: StageSettings,
  name: string,
  cell: Cell,
  needs: readonly (CellId | null)[],
): PlannedCell => ({
  id: cellId(cell),
  cell,
  name: `${settingPath(data.name, table.scale, table.precision)}/${name}`,
  needs: needs.filter((need) => need !== null),
});

/**
 * Sees to it that a run folder holds the weights of a network: they may be there, come from the network's own folder, or
 * be trained again.
 */
const ensureWeights = async (folder: string, grid: string, options: StageOptions): Promise<void> => {
  const { places } = options;
  const { training: id, student, robustTeacher } = await readNetworkFile(folder);
  const run = runFolder(places, id);
  if (await restoreWeights(run, folder, { checkpoint: student, teacherCheckpoint: robustTeacher })) return;
  await trainAgain(id, grid, options);
};

/** Trains a network of which nothing but its record is there, and those that it needs. */
const trainAgain = async (id: CellId, grid: string, options: StageOptions): Promise<void> => {
  const { places } = options;
  if (existsSync(bestFile(runFolder(places, id)))) return;
  const record = await recordOf(places, id, grid);
  if (record?.cell.kind !== 'train') {
    throw new UserError(
      `there is neither a record of the training ${id} nor are there its weights: "dvc repro" trains it.`,
    );
  }
  const { cell, name } = record;
  for (const teacher of [cell.teachers.clean, cell.teachers.robust]) {
    if (teacher !== null) await trainAgain(teacher, grid, options);
  }
  await runCells([{ id, cell, name, needs: [] }], { ...options, grid });
};

/** Trains a network with the settings of `params.yaml`, and writes what DVC keeps of it. */
export const runTrainStage = async (stage: StageSettings, name: string, options: StageOptions): Promise<CellRecord> => {
  const { settings, folder } = stage;
  const grid = settings.table.name;
  const cell = await trainCellOf(settings, folder, name);
  const { cleanTeacher, robustTeacher } = settings.networks[name]!;
  for (const teacher of [cleanTeacher, robustTeacher]) {
    if (teacher !== noNetwork) await ensureWeights(join(folder, teacher), grid, options);
  }
  const planned = plan(stage, name, cell, [cell.teachers.clean, cell.teachers.robust]);
  const [record] = await runCells([planned], { ...options, grid });
  await writeNetwork(runFolder(options.places, planned.id), networkFolder(folder, name), record!);
  return record!;
};

/** Evaluates a network under all attacks of `params.yaml`, and writes its accuracies. */
export const runEvaluateStage = async (stage: StageSettings, name: string, options: StageOptions): Promise<void> => {
  const { settings, folder } = stage;
  const grid = settings.table.name;
  const cells = Object.entries(await evaluateCellsOf(settings, folder, name));
  const { network, surrogate } = settings.evaluations[name]!;
  const planned = cells.map(([attack, cell]) =>
    plan(stage, `${name}/${cell.of === 'student' ? '' : 'teacher-'}${attack}`, cell, [cell.model, cell.surrogate]),
  );
  const known = await Promise.all(planned.map(({ id }) => recordOf(options.places, id, grid)));
  if (known.some((record) => record === undefined)) {
    for (const each of [network, surrogate]) {
      if (each !== noNetwork) await ensureWeights(join(folder, each), grid, options);
    }
  }
  const records = await runCells(planned, { ...options, grid });
  await writeAccuracies(
    accuraciesFile(folder, name),
    Object.fromEntries(cells.map(([attack], i) => [attack, records[i]!])),
  );
};

/** The rows of a table as `params.yaml` has them, of trainings that are done. */
const rowsOf = async (stage: StageSettings, places: Places): Promise<GridRow[]> => {
  const { settings, folder } = stage;
  const rows: GridRow[] = [];
  for (const { student, method, title, published, evaluations } of Object.values(settings.rows)) {
    for (const name of evaluations) {
      const { network } = entryOf(settings.evaluations, name, 'evaluation');
      const { training } = await readNetworkFile(join(folder, network));
      const record = await recordOf(places, training, settings.table.name);
      if (record?.cell.kind !== 'train')
        throw new UserError(`there is no record of the training ${training} (${name}).`);
      rows.push({
        student,
        method,
        title,
        replicate: record.cell.seed,
        train: record.cell,
        evaluations: await evaluateCellsOf(settings, folder, name),
        published: published ?? undefined,
      });
    }
  }
  return rows;
};

/**
 * Renders the table of `params.yaml` from records.
 * @returns its Markdown file
 * @throws UserError where something of it is not measured
 */
export const runTableStage = async (
  stage: StageSettings,
  { places }: Pick<StageOptions, 'places'>,
  given?: GridSetting,
): Promise<string> => {
  const { table, data } = stage.settings;
  const rows = await rowsOf(stage, places);
  const { name, title, question, columns } = table;
  const grid: Grid = { name, title, question, columns, rows: () => rows };
  const setting = given ?? (await settingOf(table.scale, { data: data.name, precision: table.precision }));
  const measured = await measuredRows(grid, setting, places);
  const missing = measured.find(({ evaluations, measured: done }) =>
    Object.keys(evaluations).some((each) => !done[each]),
  );
  if (missing) {
    throw new UserError(`${missing.method}, replicate ${missing.replicate}, is not evaluated yet: "dvc repro" does.`);
  }
  return writeTable(grid, setting, resultRows(grid, setting, measured), measured, places, table.missing);
};
