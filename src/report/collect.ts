import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { attackColumn, inColumnOrder } from '../attacks/catalogue.js';
import { datasetNames } from '../data/names.js';
import { precisions, type Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import { verdicts, type ClaimVerdict } from '../experiments/claims.js';
import type { GridSetting } from '../experiments/grid.js';
import { allGrids } from '../experiments/grids.js';
import { pilotReplicate } from '../experiments/inquiries.js';
import type { Places } from '../experiments/places.js';
import { scales, studentNames } from '../experiments/scale.js';
import { scaleNames } from '../experiments/scale-names.js';
import { settingOf } from '../experiments/setting.js';
import { methods } from '../methods/catalogue.js';
import { readCellRecord, type CellRecord } from '../results/cell-record.js';
import { cellId, type EvaluateCell, type TrainCell } from '../results/cell.js';
import { publishedRow } from '../results/published.js';
import type { PublishedPoint, ReportData, ReportEvaluation, ReportRun, SettingValue } from './data.js';

/** A record with where it lies, relative to the folder of results. */
interface Found {
  readonly record: CellRecord;
  readonly file: string;
}

/** Every record below the folder of results, each cell once. */
const recordsIn = async ({ results }: Places): Promise<Map<string, Found>> => {
  const found = new Map<string, Found>();
  if (!existsSync(results)) return found;
  for (const table of (await readdir(results)).sort()) {
    const folder = join(results, table, 'records');
    if (!existsSync(folder)) continue;
    for (const name of (await readdir(folder)).sort()) {
      if (!name.endsWith('.json') || found.has(name.slice(0, -5))) continue;
      const record = await readCellRecord(join(folder, name));
      found.set(record.id, { record, file: `${table}/records/${name}` });
    }
  }
  return found;
};

/** What a training is in the tables that have it. */
interface Label {
  readonly scale: string;
  readonly student: string;
  readonly variant: string;
  readonly title: string;
  readonly tables: string[];
}

const runKey = (id: string, of: EvaluateCell['of']): string => (of === 'student' ? id : `${id} teacher`);

/** The settings in which there may be something: scales and their data sets, with as many replicates as were run. */
const settingsOf = async (records: Iterable<Found>): Promise<GridSetting[]> => {
  const seeds = new Map<string, number>();
  const used = new Set<Precision>();
  for (const { record } of records) {
    const { data, seed } = record.cell;
    if (record.cell.kind === 'train') used.add(record.cell.recipe.precision);
    if (seed < pilotReplicate) seeds.set(data.name, Math.max(seeds.get(data.name) ?? 0, seed + 1));
    else seeds.set(data.name, seeds.get(data.name) ?? 0);
  }
  const settings: GridSetting[] = [];
  for (const name of scaleNames) {
    for (const data of scales[name].datasets) {
      const replicates = seeds.get(data);
      if (replicates === undefined) continue;
      for (const precision of precisions.filter((each) => each === 'float32' || used.has(each))) {
        const least = scales[name].replicates;
        settings.push(await settingOf(name, { data, replicates: Math.max(replicates, least), precision }));
      }
    }
  }
  return settings;
};

const labelsOf = (settings: readonly GridSetting[]): Map<string, Label> => {
  const labels = new Map<string, Label>();
  for (const setting of settings) {
    for (const grid of allGrids) {
      for (const { student, method, title, train, evaluations } of grid.rows(setting)) {
        const isTeacher = Object.values(evaluations).some(({ of }) => of === 'robust teacher');
        const key = runKey(cellId(train), isTeacher ? 'robust teacher' : 'student');
        const known = labels.get(key);
        if (known) known.tables.push(grid.name);
        else labels.set(key, { scale: setting.scale.name, student, variant: method, title, tables: [grid.name] });
      }
    }
  }
  return labels;
};

const flatten = (value: unknown, path: string, into: Record<string, SettingValue>): void => {
  if (value !== null && typeof value === 'object') {
    for (const [name, part] of Object.entries(value)) flatten(part, path === '' ? name : `${path}.${name}`, into);
  } else if (value !== undefined) into[path] = value as SettingValue;
};

/** All that decides a training but its seed. A teacher is called by its record's name where there is one. */
const settingsFlat = (cell: TrainCell, nameOf: (id: string) => string): Record<string, SettingValue> => {
  const { settings, ...recipe } = cell.recipe;
  const { architecture, width } = cell.network;
  const flat: Record<string, SettingValue> = { method: cell.method, architecture, width };
  flatten(recipe, '', flat);
  flatten(settings, '', flat);
  flat['trainImages'] = cell.data.images;
  for (const [role, id] of Object.entries(cell.teachers)) flat[`${role}Teacher`] = id === null ? null : nameOf(id);
  return flat;
};

const evaluationOf = ({ record, file }: Found, testImages: number | undefined): ReportEvaluation => {
  const { correct, total, interval, outcome } = record.evaluation!;
  const isWhole = record.cell.data.images === null;
  return {
    id: record.id,
    record: file,
    ...{ correct, total, outcome },
    interval: [interval[0], interval[1]],
    testImages: isWhole ? total : (testImages ?? null),
    seconds: record.cost.wall,
    command: `npx ciard cell run ${record.id.slice(0, 12)}`,
  };
};

/** Of 'synthetic-quick/ciard-resnet18-s0' what stands before the first slash names data and scale. */
const scaleInName = (name: string, data: string): string | undefined => {
  const [place = ''] = name.split('/');
  return place.startsWith(`${data}-`) ? place.slice(data.length + 1) : undefined;
};

/** A record of a recipe that its table has no more is in none; a folder that is no table's is one's own. */
const tableOf = (file: string): string => {
  const [folder = ''] = file.split('/');
  return allGrids.some(({ name }) => name === folder) ? 'in no table' : folder;
};

/** The networks that records are of. */
const runsOf = (records: ReadonlyMap<string, Found>, settings: readonly GridSetting[]): ReportRun[] => {
  const labels = labelsOf(settings);
  const testImages = new Map(settings.map(({ data }) => [data.test.md5, data.test.images]));
  const titles = new Map(methods.map(({ name, title }) => [name, title]));
  const nameOf = (id: string): string => records.get(id)?.record.name.split('/').slice(1).join('/') ?? id.slice(0, 12);
  const evaluations = new Map<string, { of: EvaluateCell['of']; model: string; found: Found[] }>();
  for (const found of records.values()) {
    const { cell } = found.record;
    // Accuracy on training images is no result of a table of accuracies.
    if (cell.kind === 'evaluate' && cell.data.part === 'train') continue;
    const [model, of] = cell.kind === 'train' ? [found.record.id, 'student' as const] : [cell.model, cell.of];
    const key = runKey(model, of);
    const entry = evaluations.get(key) ?? { of, model, found: [] };
    if (cell.kind === 'evaluate') entry.found.push(found);
    evaluations.set(key, entry);
  }
  const runs = [...evaluations].map(([key, { of, model, found }]): ReportRun => {
    const training = records.get(model);
    const trainCell = training?.record.cell.kind === 'train' ? training.record.cell : undefined;
    const label = labels.get(key);
    const some = training ?? found[0]!;
    const name = training?.record.name ?? some.record.name.split('/').slice(0, -1).join('/');
    const { data, seed } = some.record.cell;
    const method = trainCell?.method ?? label?.variant ?? 'unknown';
    const measured = training?.record.training;
    return {
      ...{ key, id: model, of, name, seed, method },
      isPilot: seed >= pilotReplicate,
      scale: label?.scale ?? scaleInName(name, data.name) ?? 'own',
      data: data.name,
      precision: trainCell?.recipe.precision ?? 'float32',
      student: label?.student ?? trainCell?.network.architecture ?? 'unknown',
      variant: label?.variant ?? method,
      title:
        (label?.title ?? titles.get(method) ?? method) + (of === 'robust teacher' && !label ? ', robust teacher' : ''),
      tables: label?.tables ?? [tableOf(some.file)],
      settings: trainCell ? settingsFlat(trainCell, nameOf) : {},
      training:
        training && measured && of === 'student'
          ? {
              record: training.file,
              parameters: measured.parameters,
              trainImages: measured.trainImages,
              history: measured.history,
              best: measured.best,
              processorSeconds: training.record.cost.processor,
              command: `npx ciard cell run ${model.slice(0, 12)}`,
            }
          : null,
      checkpoint:
        (of === 'student' ? measured?.checkpoint : measured?.teacherCheckpoint) ??
        found[0]?.record.evaluation?.checkpoint ??
        null,
      evaluations: Object.fromEntries(
        found.flatMap((each) =>
          each.record.cell.kind === 'evaluate'
            ? [[each.record.cell.attack.name, evaluationOf(each, testImages.get(each.record.cell.data.md5))]]
            : [],
        ),
      ),
      warnings: [...new Set([training, ...found].flatMap((each) => (each ? each.record.warnings : [])))],
    };
  });
  const tables = allGrids.map(({ name: table }) => table);
  const order = new Map([...labels.keys()].map((key, i) => [key, i]));
  const place = (run: ReportRun): number => order.get(run.key) ?? tables.length + order.size;
  return runs.sort((a, b) => place(a) - place(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.seed - b.seed));
};

const publishedPoints = (): PublishedPoint[] =>
  datasetNames.flatMap((data) =>
    studentNames.flatMap((student) =>
      methods.flatMap(({ name, title }): PublishedPoint[] => {
        const row = publishedRow(data, student, name);
        // 'ciard-code' has the numbers of 'ciard'.
        if (!row || name === 'ciard-code') return [];
        const { values, paper, secondHand } = row;
        return [{ data, student, method: name, title, values, paper, secondHand }];
      }),
    ),
  );

/**
 * Gathers every record that lies in the folder of results, with the verdicts of the claims.
 * @throws UserError where there is no record, or one is damaged
 */
export const collectReport = async (places: Places, made = new Date()): Promise<ReportData> => {
  const records = await recordsIn(places);
  if (records.size === 0) {
    throw new UserError(
      `there are no records in ${places.results}: "npx ciard table students" makes some, "npx ciard reproduce quick" all of a scale.`,
    );
  }
  const settings = await settingsOf(records.values());
  const runs = runsOf(records, settings);
  const judged: ClaimVerdict[] = [];
  for (const { scale, data, precision } of settings) {
    // Verdicts are those of results/README.md.
    const isHere = (run: ReportRun): boolean =>
      run.scale === scale.name && run.data === data.name && run.precision === precision;
    if (!runs.some(isHere)) continue;
    judged.push(...(await verdicts(await settingOf(scale.name, { data: data.name, precision }), places)));
  }
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    version,
    made: `${made.toISOString().slice(0, 16)}Z`,
    attacks: inColumnOrder(runs.flatMap(({ evaluations }) => Object.keys(evaluations))).map((name) => ({
      name,
      title: attackColumn(name),
    })),
    runs,
    verdicts: judged,
    published: publishedPoints(),
    budgets: Object.fromEntries(Object.values(scales).map(({ name, budget }) => [name, budget])),
  };
};
