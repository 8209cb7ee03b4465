import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { repositoryRoot } from '../data/location.js';
import { dvcPull } from '../dvc/dvc.js';
import { UserError } from '../errors.js';
import { writeCellRecord } from '../results/cell-record.js';
import { cellId, type CellId } from '../results/cell.js';
import { textOfTable } from '../tables/text.js';
import { compareWithRecords, type RecordComparison } from './compare-records.js';
import { execute, type Failure } from './execute.js';
import { settingName, type Grid, type GridSetting } from './grid.js';
import { grids } from './paper-grids.js';
import { copyRunWeights, restoreWeights, studentWeights, weightsFolder } from './network-files.js';
import { readNetworkFile } from './pipeline-settings.js';
import { checkHasPipeline, networkPlaces, shippedReplicate } from './pipeline.js';
import type { PipelineOptions } from './pipeline-record.js';
import { recordOf, recordsFolder, runFolder, type Places } from './places.js';
import { resultTable } from './render.js';
import { measuredRows, resultRows, type ResultRow } from './results.js';
import { onlyRows } from './table.js';
import { unitsOf } from './units.js';

export interface FromCheckpointsOptions extends PipelineOptions {
  readonly only?: readonly string[];
  readonly jobs?: number;
}

export interface CheckedTable {
  readonly rows: readonly ResultRow[];
  readonly text: string;
  readonly comparisons: RecordComparison;
  readonly failures: readonly Failure[];
  /** Evaluations of which there was no record. */
  readonly added: number;
}

const checkFolder = ({ runs }: Places): string => join(runs, '..', 'from-checkpoints');

/** Where networks are evaluated again: records of before, and folders of runs, are left alone. */
const checkPlaces = (places: Places): Places => ({
  results: join(checkFolder(places), 'results'),
  runs: join(checkFolder(places), 'cells'),
});

/**
 * Puts the weights of trainings into folders of runs in `check`: from the run that trained them, from the folder that DVC
 * keeps, or from the remote in the repository. Those that were not shipped are said.
 * @returns the trainings whose weights are there
 * @throws UserError where none was shipped, or a file is damaged
 */
const fetchWeights = async (
  ids: readonly CellId[],
  setting: GridSetting,
  check: Places,
  options: PipelineOptions,
): Promise<ReadonlySet<CellId>> => {
  const { places, catalogue = grids, root = repositoryRoot(), say = () => undefined } = options;
  const known = networkPlaces(setting, catalogue);
  const missing: string[] = [];
  const found = new Set<CellId>();
  const wanted: { readonly id: CellId; readonly folder: string; readonly name: string }[] = [];
  for (const id of ids) {
    const { grid, name } = known.get(id)!;
    const folder = join(places.results, grid, settingName(setting), 'networks', name);
    const record = await recordOf(places, id, grid);
    if (record?.training && (await copyRunWeights(runFolder(places, id), runFolder(check, id), record.training))) {
      found.add(id);
      continue;
    }
    const isRecorded = existsSync(join(folder, 'network.json')) && (await readNetworkFile(folder)).training === id;
    if (isRecorded && known.get(id)!.cell.seed === shippedReplicate) wanted.push({ id, folder, name });
    else missing.push(name);
  }
  if (missing.length > 0) {
    const text =
      `no checkpoint was shipped of ${missing.join(', ')} (${settingName(setting)}). Shipped is replicate ` +
      `${shippedReplicate} of the tables that were run and recorded; "ciard table" without --from-checkpoints trains.`;
    if (missing.length === ids.length) throw new UserError(text);
    say(text);
  }
  const absent = wanted.filter(({ folder }) => !existsSync(studentWeights(folder)));
  if (absent.length > 0) {
    say(`${absent.length} checkpoints are taken from the repository's own remote`);
    await dvcPull(
      absent.map(({ folder }) => relative(root, weightsFolder(folder))),
      { ...options, root, say },
    );
  }
  for (const { id, folder, name } of wanted) {
    const { student, robustTeacher } = await readNetworkFile(folder);
    const training = { checkpoint: student, teacherCheckpoint: robustTeacher };
    if (await restoreWeights(runFolder(check, id), folder, training)) {
      found.add(id);
      continue;
    }
    throw new UserError(`${weightsFolder(folder)} lacks weights of ${name}: remove it and run the same again.`);
  }
  return found;
};

/**
 * Evaluates the shipped networks of a table again, without training any, and compares each outcome with the one on record.
 * What is measured goes to `runs/from-checkpoints`, from which a call that was stopped goes on; an evaluation of which there
 * is no record becomes the table's.
 *
 * @param setting with the replicates that are wanted; one alone is shipped
 * @throws UserError where the table is of trainings or none of the paper's, or a checkpoint was not shipped or is damaged: it is named
 * @throws InterruptedError where the signal aborts; the same call goes on
 */
export const tableFromCheckpoints = async (
  grid: Grid,
  setting: GridSetting,
  options: FromCheckpointsOptions,
): Promise<CheckedTable> => {
  const { places, only } = options;
  checkHasPipeline(grid, setting, options.catalogue);
  if (grid.columns !== 'attacks') {
    throw new UserError(
      `the table ${grid.name} tells of trainings, and --from-checkpoints trains nothing: leave it out, or take a table of attacks.`,
    );
  }
  const chosen = onlyRows(grid, setting, only);
  const check = checkPlaces(places);
  const rows = chosen.rows(setting);
  const ids = new Set(
    rows.flatMap(({ train, evaluations }) => [
      cellId(train),
      ...Object.values(evaluations).flatMap(({ surrogate }) => (surrogate === null ? [] : [surrogate])),
    ]),
  );
  const found = await fetchWeights([...ids], setting, check, options);
  const units = unitsOf(chosen, setting).flatMap((unit) => {
    const cells = unit.cells.filter(
      ({ cell }) =>
        cell.kind === 'evaluate' && found.has(cell.model) && (cell.surrogate === null || found.has(cell.surrogate)),
    );
    return cells.length > 0 ? [{ ...unit, cells, needs: [] }] : [];
  });
  const failures = await execute(units, { ...options, places: check });
  const comparisons = await compareWithRecords(units, check, places);
  let added = 0;
  for (const { id, grid: of } of units.flatMap(({ cells, grid }) => cells.map((cell) => ({ ...cell, grid })))) {
    const record = await recordOf(check, id, of);
    if (!record || (await recordOf(places, id, of))) continue;
    await writeCellRecord(join(recordsFolder(places, of), `${id}.json`), record);
    added++;
  }
  const measured = await measuredRows(chosen, setting, check);
  const result = resultRows(chosen, setting, measured);
  // What is whole is not kept: the next call is to evaluate, not to find what this one did.
  if (failures.length === 0) await rm(checkFolder(places), { recursive: true, force: true });
  return {
    rows: result,
    text: textOfTable(resultTable(chosen, setting, result, measured)),
    comparisons,
    failures,
    added,
  };
};
