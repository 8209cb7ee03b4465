import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { writeAtomically } from '../atomic-write.js';
import { repositoryRoot } from '../data/location.js';
import { dvcCommit, type DvcOptions } from '../dvc/dvc.js';
import { UserError } from '../errors.js';
import { cellId, type CellId, type EvaluateCell } from '../results/cell.js';
import type { Grid, GridRow, GridSetting } from './grid.js';
import { grids } from './paper-grids.js';
import { writeAccuracies, writeNetwork } from './network-files.js';
import {
  evaluateCellsOf,
  noNetwork,
  readPipelineSettings,
  trainCellOf,
  type PipelineSettings,
} from './pipeline-settings.js';
import {
  checkHasPipeline,
  networkPlaces,
  pipelinesOf,
  shippedReplicate,
  type Pipeline,
  type PipelineRows,
} from './pipeline.js';
import { recordOf, runFolder, type Places } from './places.js';
import { rowsOnRecord } from './results.js';
import { restoreTrained } from './shipped.js';
import { runTableStage } from './stages.js';

export interface PipelineOptions extends Pick<DvcOptions, 'siteCache' | 'signal' | 'say'> {
  /** `results` has to lie in the repository's root. */
  readonly places: Places;
  /** The repository; this one by default. */
  readonly root?: string;
  /** All tables there are, in the order in which they share networks. */
  readonly catalogue?: readonly Grid[];
  /** Settings that were changed by hand are written over. */
  readonly force?: boolean;
}

/** The folder of a pipeline's files. */
const folderOf = ({ grid, folder }: Pipeline, { results }: Places): string => join(results, grid, folder);

/** A row with the evaluations that are measured; undefined where there are none, or weights that are shipped are missing. */
const measuredPart = async (
  grid: Grid,
  row: GridRow,
  { places, root }: PipelineOptions,
): Promise<GridRow | undefined> => {
  const training = cellId(row.train);
  if ((await recordOf(places, training, grid.name)) === undefined) return undefined;
  const evaluations: Record<string, EvaluateCell> = {};
  for (const [attack, cell] of Object.entries(row.evaluations)) {
    if ((await recordOf(places, cellId(cell), grid.name)) !== undefined) evaluations[attack] = cell;
  }
  const [found, wanted] = [evaluations, row.evaluations].map((each) => Object.keys(each).length);
  if (found === 0) return undefined;
  // Of a row in full it is an error that its weights are missing; one in part waits for them.
  const isShipped = row.train.seed === shippedReplicate;
  if (found !== wanted && isShipped && !(await restoreTrained(places, training, root))) return undefined;
  return { ...row, evaluations };
};

const evaluationCount = (rows: readonly GridRow[]): number =>
  rows.reduce((sum, { evaluations }) => sum + Object.keys(evaluations).length, 0);

/** What is measured of the rows of tables, and all of the rows of `alsoAll`. */
const chosenRows = async (
  setting: GridSetting,
  options: PipelineOptions,
  alsoAll: readonly Grid[],
): Promise<PipelineRows[]> => {
  const chosen: PipelineRows[] = [];
  for (const grid of options.catalogue ?? grids) {
    const all = alsoAll.includes(grid) ? grid.rows(setting) : await rowsOnRecord(grid, setting, options.places);
    const rows: GridRow[] = [];
    for (const row of all) {
      const part = alsoAll.includes(grid) ? row : await measuredPart(grid, row, options);
      if (part) rows.push(part);
    }
    if (rows.length > 0) chosen.push({ grid, rows, missing: evaluationCount(all) - evaluationCount(rows) });
  }
  return chosen;
};

/**
 * The networks of rows of which nothing is evaluated yet, where they are trained and their weights are at hand: teachers are
 * wanted by others long before that.
 */
const trainedNetworks = async (
  setting: GridSetting,
  { places, catalogue = grids, root }: PipelineOptions,
): Promise<CellId[]> => {
  const found = new Set<CellId>();
  for (const grid of catalogue) {
    for (const { train, evaluations } of grid.rows(setting)) {
      const id = cellId(train);
      if (train.seed !== shippedReplicate || Object.keys(evaluations).length === 0 || found.has(id)) continue;
      if ((await recordOf(places, id, grid.name)) && (await restoreTrained(places, id, root))) found.add(id);
    }
  }
  return [...found];
};

/** Names of what is set otherwise in one object than in another, or in one of them alone: 'ciard.recipe.epochs'. */
const differences = (before: unknown, after: unknown, path: string): string[] => {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const isPlain = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (!isPlain(before) || !isPlain(after)) return [path];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    differences(before[key], after[key], `${path}.${key}`),
  );
};

/** @throws UserError where a file has settings that are not the table's: a change by hand is not to be lost */
const checkUnchanged = async (pipeline: Pipeline, folder: string): Promise<void> => {
  const file = join(folder, 'params.yaml');
  if (!existsSync(file)) return;
  const before = await readPipelineSettings(file);
  const { settings } = pipeline;
  const changed = differences(before.data, settings.data, 'data');
  for (const section of ['attacks', 'trainings', 'networks'] as const) {
    const [old, own] = [before[section], settings[section]] as Record<string, unknown>[];
    // Entries come and go with what is measured.
    for (const name of Object.keys(old!)) {
      if (name in own!) changed.push(...differences(old![name], own![name], `${section}.${name}`));
    }
  }
  if (changed.length === 0) return;
  throw new UserError(
    `${file} has other settings than the table: ${changed.join(', ')}. Where they were changed by hand, "dvc repro" runs ` +
      'them; --force writes the table’s own over them.',
  );
};

/** Removes files of stages that are no more. */
const removeOthers = async (folder: string, names: readonly string[]): Promise<void> => {
  if (!existsSync(folder)) return;
  for (const entry of await readdir(folder)) {
    if (!names.includes(entry)) await rm(join(folder, entry), { recursive: true, force: true });
  }
};

/** Pipelines before any file of them is written, with the setting that has all their replicates. */
interface PlannedPipelines {
  readonly pipelines: readonly Pipeline[];
  readonly setting: GridSetting;
}

/** @throws UserError where settings were changed by hand */
const planPipelines = async (
  setting: GridSetting,
  options: PipelineOptions,
  tables: readonly Grid[] = [],
): Promise<PlannedPipelines> => {
  const { places, catalogue = grids, root = repositoryRoot(), force = false } = options;
  if (resolve(places.results) !== resolve(root, 'results')) {
    throw new UserError(`the results lie in ${places.results}, but DVC's stages are of ${join(root, 'results')}.`);
  }
  const rows = await chosenRows(setting, options, tables);
  const replicates = rows.flatMap(({ rows: own }) => own.map(({ replicate }) => replicate));
  const whole = { ...setting, replicates: [...new Set([...setting.replicates, ...replicates])].sort((a, b) => a - b) };
  const pipelines = pipelinesOf(rows, whole, catalogue, await trainedNetworks(setting, options));
  for (const pipeline of pipelines) if (!force) await checkUnchanged(pipeline, folderOf(pipeline, places));
  return { pipelines, setting: whole };
};

const writeSettings = async (pipelines: readonly Pipeline[], places: Places): Promise<void> => {
  for (const pipeline of pipelines) {
    const folder = folderOf(pipeline, places);
    await mkdir(join(folder, noNetwork), { recursive: true });
    await writeAtomically(join(folder, noNetwork, 'network.json'), ['{}\n']);
    for (const [name, text] of Object.entries(pipeline.files)) await writeAtomically(join(folder, name), [text]);
  }
};

/**
 * Writes `dvc.yaml` and `params.yaml` of tables: of what is measured or at least trained, and of all of `tables`, which
 * `dvc repro` can then run from nothing.
 *
 * @throws UserError where settings were changed by hand, or one of `tables` is none that DVC has stages of
 */
export const writePipelines = async (
  setting: GridSetting,
  options: PipelineOptions,
  tables: readonly Grid[] = [],
): Promise<readonly Pipeline[]> => {
  for (const table of tables) checkHasPipeline(table, setting, options.catalogue);
  const { pipelines } = await planPipelines(setting, options, tables);
  await writeSettings(pipelines, options.places);
  return pipelines;
};

/** @throws UserError that names every training on record of which DVC is to keep weights that are nowhere */
const checkWeights = async (
  { pipelines, setting }: PlannedPipelines,
  { places, catalogue, root }: PipelineOptions,
): Promise<void> => {
  const missing: string[] = [];
  for (const [id, { grid, name, cell }] of networkPlaces(setting, catalogue)) {
    if (cell.seed !== shippedReplicate) continue;
    const pipeline = pipelines.find((each) => each.grid === grid);
    if (!pipeline || !(name in pipeline.settings.networks)) continue;
    if ((await recordOf(places, id, grid)) && !(await restoreTrained(places, id, root))) {
      missing.push(`  ${grid}, ${name}: ${runFolder(places, id)}`);
    }
  }
  if (missing.length === 0) return;
  throw new UserError(
    `DVC is to keep the weights of replicate ${shippedReplicate}. Of what is on record these are neither shipped nor here:\n` +
      `${missing.join('\n')}\n` +
      'Bring these folders from where they were trained, or remove the records and train them again. ' +
      '"npx ciard gather --no-dvc" renders the tables alone.',
  );
};

/** Writes what the stages of a pipeline would have written, from records and the folders of runs. */
const writeOutputs = async (pipeline: Pipeline, setting: GridSetting, { places }: PipelineOptions): Promise<void> => {
  const { settings, grid } = pipeline;
  const folder = folderOf(pipeline, places);
  for (const name of Object.keys(settings.evaluations)) {
    const records = [];
    for (const [attack, cell] of Object.entries(await evaluateCellsOf(settings, folder, name))) {
      records.push([attack, (await recordOf(places, cellId(cell), grid))!] as const);
    }
    await writeAccuracies(join(folder, 'evaluations', `${name}.json`), Object.fromEntries(records));
  }
  await removeOthers(
    join(folder, 'evaluations'),
    Object.keys(settings.evaluations).map((name) => `${name}.json`),
  );
  if (Object.keys(settings.rows).length > 0) await runTableStage({ settings, folder }, { places }, setting);
};

/** Writes the networks of a pipeline; a teacher's file names the training that a student's is of. */
const writeNetworks = async (
  pipeline: Pipeline,
  name: string,
  pipelines: readonly Pipeline[],
  options: PipelineOptions,
  done: Set<string>,
): Promise<void> => {
  const { places, root } = options;
  const folder = folderOf(pipeline, places);
  const own = join(folder, 'networks', name);
  if (done.has(own)) return;
  done.add(own);
  const { cleanTeacher, robustTeacher } = pipeline.settings.networks[name]!;
  for (const teacher of [cleanTeacher, robustTeacher]) {
    const at = join(folder, teacher);
    const other = pipelines.find((each) => at === join(folderOf(each, places), 'networks', teacher.split('/').at(-1)!));
    if (other && teacher !== noNetwork)
      await writeNetworks(other, teacher.split('/').at(-1)!, pipelines, options, done);
  }
  const id = cellId(await trainCellOf(pipeline.settings, folder, name));
  const record = await recordOf(places, id, pipeline.grid);
  if (!record) throw new UserError(`${own}: there is no record of its training ${id}: run its table first.`);
  if (record.cell.seed === shippedReplicate) await restoreTrained(places, id, root);
  await writeNetwork(runFolder(places, id), own, record);
};

/**
 * Takes stages that are no more out of what DVC has locked. The rest stays, so that a commit that is killed leaves a lock
 * that knows the weights which are shipped.
 */
const pruneLock = async (file: string, { networks, evaluations, rows }: PipelineSettings): Promise<void> => {
  if (!existsSync(file)) return;
  const stages = new Set([
    ...Object.keys(networks).map((name) => `train@${name}`),
    ...Object.keys(evaluations).map((name) => `evaluate@${name}`),
    ...(Object.keys(rows).length > 0 ? ['table'] : []),
  ]);
  const lock = parseDocument(await readFile(file, 'utf8'));
  const locked = lock.get('stages');
  if (!isMap(locked)) return;
  const gone = locked.items.map(({ key }) => String(key)).filter((name) => !stages.has(name));
  if (gone.length === 0) return;
  for (const name of gone) locked.delete(name);
  await writeAtomically(file, [lock.toString({ lineWidth: 0 })]);
};

/**
 * Tells DVC of what was measured: writes the files of every table of a setting, what their stages put out, and commits
 * them. Then `dvc status` finds nothing changed, and `dvc repro` runs nothing. Nothing is written where weights are missing.
 *
 * @throws UserError where settings were changed by hand, or weights that are to be shipped are missing
 * @throws DvcError where DVC fails
 */
export const recordPipelines = async (setting: GridSetting, options: PipelineOptions): Promise<readonly Pipeline[]> => {
  const { places, root = repositoryRoot(), say = () => undefined } = options;
  const planned = await planPipelines(setting, options);
  await checkWeights(planned, options);
  const { pipelines } = planned;
  await writeSettings(pipelines, places);
  const done = new Set<string>();
  for (const pipeline of pipelines) {
    const names = Object.keys(pipeline.settings.networks);
    for (const name of names) await writeNetworks(pipeline, name, pipelines, options, done);
    await removeOthers(join(folderOf(pipeline, places), 'networks'), [...names, 'none']);
  }
  for (const pipeline of pipelines) await writeOutputs(pipeline, setting, options);
  const folders = pipelines.map((pipeline) => folderOf(pipeline, places));
  for (const pipeline of pipelines) await pruneLock(join(folderOf(pipeline, places), 'dvc.lock'), pipeline.settings);
  if (folders.length > 0) {
    await dvcCommit(
      folders.map((folder) => join(relative(resolve(root), resolve(folder)), 'dvc.yaml')),
      { ...options, root, say },
    );
  }
  return pipelines;
};
