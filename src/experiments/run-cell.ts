import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadNetwork } from '../checkpoints/checkpoint.js';
import { loadPart } from '../data/datasets.js';
import type { ImageSet } from '../data/records.js';
import { holdOut, takeBalanced } from '../data/splits.js';
import { collectEnvironment, type Environment } from '../doctor/environment.js';
import { UserError } from '../errors.js';
import { evaluate, type AttackOutcome } from '../evaluation/evaluate.js';
import { spreadIndices } from '../evaluation/image-indices.js';
import { packOutcome, unpackOutcome } from '../evaluation/outcome-bits.js';
import { holdAlone } from '../exclusive.js';
import { findMethod } from '../methods/catalogue.js';
import type { Method } from '../methods/method.js';
import { createNetwork, type WeightedNetwork } from '../models/network.js';
import type { Progress } from '../progress.js';
import { writeCellRecord, type CellRecord } from '../results/cell-record.js';
import type { CellId, EvaluateCell, TrainCell } from '../results/cell.js';
import { bestFile, teacherFile } from '../training/run-folder.js';
import { isUnderWay } from '../training/run-state.js';
import { train } from '../training/train.js';
import type { PlannedCell } from './grid.js';
import { recordOf, recordsFolder, runFolder, type Places } from './places.js';
import { restoreTrained } from './shipped.js';

export interface RunOptions {
  readonly places: Places;
  /** The table whose folder new records go to. */
  readonly grid: string;
  /** The method of a name; the catalogue's by default. Methods of one's own are given here. */
  readonly methodOf?: (name: string) => Method;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

const sha256 = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

/** The images of a cell, proved to be those that it names. */
const imagesOf = async ({ name, md5 }: TrainCell['data'], part: 'train' | 'test'): Promise<ImageSet> => {
  const set = await loadPart(name, part);
  if (set.md5 === md5) return set;
  throw new UserError(
    `the ${part} images of ${name} have the MD5 ${set.md5}, but the cell is of ${md5}: other images than the ` +
      'table was laid out for. "ciard data verify" says which are pinned.',
  );
};

/** @throws UserError where the network is not trained yet, or not to its end */
const trainedFile = async (places: Places, id: CellId, of: EvaluateCell['of']): Promise<string> => {
  const folder = runFolder(places, id);
  const file = of === 'student' ? bestFile(folder) : teacherFile(folder);
  await restoreTrained(places, id);
  if (existsSync(file)) {
    if (!(await isUnderWay(folder))) return file;
    throw new UserError(
      `${file} is of a training that has not ended: it has to be run to its end first, "npx ciard cell run ${id.slice(0, 12)}".`,
    );
  }
  throw new UserError(`${file} is missing: its training has to be run first, "npx ciard cell run ${id.slice(0, 12)}".`);
};

/**
 * The network that a training left, or its robust teacher as ITT left it; tensors are the caller's.
 * @throws UserError where it is not trained yet
 */
export const loadTrained = async (
  places: Places,
  id: CellId,
  of: EvaluateCell['of'] = 'student',
): Promise<WeightedNetwork> => loadNetwork(await trainedFile(places, id, of));

interface Stopwatch {
  readonly wall: () => number;
  readonly processor: () => number;
}

const startStopwatch = (): Stopwatch => {
  const start = performance.now();
  const before = process.cpuUsage();
  return {
    wall: () => (performance.now() - start) / 1000,
    processor: () => {
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    },
  };
};

/** What cells are computed on: it is asked for once, when the first of them is done. */
type EnvironmentSource = () => Promise<Environment>;

const environmentOnce = (): EnvironmentSource => {
  let collected: Promise<Environment> | undefined;
  return () => (collected ??= collectEnvironment());
};

/** Trains the network of a cell, or goes on with it. */
const runTraining = async (
  { id, name }: PlannedCell,
  cell: TrainCell,
  environment: EnvironmentSource,
  options: RunOptions,
): Promise<CellRecord> => {
  const { places, methodOf = findMethod, progress, signal } = options;
  const stopwatch = startStopwatch();
  const set = await imagesOf(cell.data, 'train');
  const held = holdOut(set, cell.recipe.validation.images, cell.seed);
  const images = cell.data.images === null ? held.train : takeBalanced(held.train, set, cell.data.images, cell.seed);
  const { architecture, ...networkOptions } = cell.network;
  const student = createNetwork(architecture, networkOptions);
  const out = runFolder(places, id);
  const { clean, robust } = cell.teachers;
  const cleanTeacher = clean === null ? undefined : await loadTrained(places, clean);
  const robustTeacher = robust === null ? undefined : await loadTrained(places, robust);
  try {
    // What the training itself took is counted over all its starts.
    const around = stopwatch.processor();
    const run = await train({
      method: methodOf(cell.method),
      recipe: cell.recipe,
      student,
      cleanTeacher,
      robustTeacher,
      set,
      train: images,
      validation: held.validation,
      seed: cell.seed,
      out,
      ...(progress
        ? {
            progress: (event) => {
              progress({ ...event, task: name });
            },
          }
        : {}),
      ...(signal ? { signal } : {}),
    });
    return {
      format: 'ciard-cell-1',
      id,
      name,
      cell,
      training: {
        parameters: student.parameters,
        trainImages: images.length,
        validationImages: held.validation.length,
        history: run.history.map(({ epoch, learningRate, terms, retrained, validation }) => ({
          epoch,
          learningRate,
          terms: { ...terms },
          ...(retrained === undefined ? {} : { retrained }),
          ...(validation ? { validation: { ...validation } } : {}),
        })),
        best: { ...run.best },
        checkpoint: await sha256(run.bestFile),
        teacherCheckpoint: run.teacherFile === null ? null : await sha256(run.teacherFile),
      },
      evaluation: null,
      warnings: [...run.warnings],
      cost: {
        wall: run.seconds,
        processor: around + run.processorSeconds,
        imagesPerSecond: (images.length * cell.recipe.epochs) / run.seconds,
      },
      environment: await environment(),
    };
  } finally {
    tf.dispose([cleanTeacher?.weights, robustTeacher?.weights]);
  }
};

const plainStage = ({ correct, total, interval, outcome }: AttackOutcome) => ({
  correct,
  total,
  interval: [interval[0], interval[1]] as const,
  outcome: packOutcome(outcome),
});

/** The clean outcome of a model on the images of a cell, where it was measured before. */
const cleanOutcome = async (
  cell: EvaluateCell,
  siblings: readonly PlannedCell[],
  { places, grid }: RunOptions,
): Promise<Uint8Array | undefined> => {
  for (const { id, cell: other } of siblings) {
    if (other.kind !== 'evaluate' || other.attack.name !== 'clean' || other.model !== cell.model) continue;
    if (other.of !== cell.of || other.data.md5 !== cell.data.md5 || other.data.images !== cell.data.images) continue;
    const record = await recordOf(places, id, grid);
    if (record?.evaluation) return unpackOutcome(record.evaluation.outcome, record.evaluation.total);
  }
  return undefined;
};

const runEvaluation = async (
  { id, name }: PlannedCell,
  cell: EvaluateCell,
  siblings: readonly PlannedCell[],
  environment: EnvironmentSource,
  options: RunOptions,
): Promise<CellRecord> => {
  const { places, progress, signal } = options;
  const set = await imagesOf(cell.data, cell.data.part ?? 'test');
  const model = await loadTrained(places, cell.model, cell.of);
  const surrogate = cell.surrogate === null ? undefined : await loadTrained(places, cell.surrogate);
  const folder = runFolder(places, cell.model);
  const isSequence = cell.attack.name.startsWith('autoattack');
  const stopwatch = startStopwatch();
  try {
    const { attacks, warnings } = await evaluate({
      ...model,
      surrogate,
      ...(cell.surrogate === null ? {} : { transferFolder: join(runFolder(places, cell.surrogate), 'transfer') }),
      set,
      ...(cell.data.images === null ? {} : { indices: spreadIndices(set.length, cell.data.images) }),
      attacks: [cell.attack],
      clean: await cleanOutcome(cell, siblings, options),
      seed: cell.seed,
      ...(isSequence ? { stateFile: join(folder, `${id}.autoattack.json`) } : {}),
      ...(progress
        ? {
            progress: (event) => {
              progress({ ...event, task: name });
            },
          }
        : {}),
      ...(signal ? { signal } : {}),
    });
    const outcome = attacks[cell.attack.name]!;
    return {
      format: 'ciard-cell-1',
      id,
      name,
      cell,
      training: null,
      evaluation: {
        ...plainStage(outcome),
        stages: outcome.stages
          ? Object.fromEntries(Object.entries(outcome.stages).map(([stage, each]) => [stage, plainStage(each)]))
          : null,
        checkpoint: await sha256(await trainedFile(places, cell.model, cell.of)),
      },
      warnings: warnings.map(({ attack, message }) => `${attack}: ${message}`),
      cost: { wall: outcome.seconds, processor: stopwatch.processor(), imagesPerSecond: outcome.imagesPerSecond },
      environment: await environment(),
    };
  } finally {
    tf.dispose([model.weights, surrogate?.weights]);
  }
};

/**
 * Runs cells one after the other in this process, in the order given; what has a record is not done again. A training is
 * gone on with where it stands; one whose record is there, but whose weights are gone and were not shipped, is run again.
 *
 * @param onRecord is told of each cell's record, new or known
 * @throws InterruptedError where `signal` aborts; all that was measured is kept
 * @throws UserError where a teacher or a model is missing, or another process works on the cell
 */
export const runCells = async (
  planned: readonly PlannedCell[],
  options: RunOptions,
  onRecord: (record: CellRecord) => void = () => undefined,
): Promise<CellRecord[]> => {
  const { places, grid } = options;
  const records: CellRecord[] = [];
  const environment = environmentOnce();
  for (const entry of planned) {
    const { id, cell } = entry;
    const known = await recordOf(places, id, grid);
    // Who asks for a training asks for its weights.
    const wantsWeights = cell.kind === 'train' && !(await restoreTrained(places, id));
    let record = known;
    if (!record || wantsWeights) {
      if (cell.kind === 'train') {
        record = await runTraining(entry, cell, environment, options);
        if (known?.training && known.training.checkpoint !== record.training?.checkpoint) {
          throw new UserError(
            `${entry.name}: trained again, it ends with other weights than its record says (another machine, other kernels ` +
              `or another number of TensorFlow threads, of which tables use one: TF_NUM_INTRAOP_THREADS=1). Remove ${join(recordsFolder(places, grid), `${id}.json`)} and what was measured of it to measure anew.`,
          );
        }
      } else {
        await trainedFile(places, cell.model, cell.of);
        const hold = await holdAlone(
          join(runFolder(places, cell.model), `.${id}.json`),
          `the evaluation ${entry.name}`,
        );
        try {
          record = await runEvaluation(entry, cell, planned, environment, options);
        } finally {
          await hold.release();
        }
      }
      if (!known) await writeCellRecord(join(recordsFolder(places, grid), `${id}.json`), record);
    }
    records.push(record);
    onRecord(record);
  }
  return records;
};
