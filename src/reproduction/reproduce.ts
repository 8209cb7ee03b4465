import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { writeAtomically } from '../atomic-write.js';
import { loadNetwork } from '../checkpoints/checkpoint.js';
import { loadDataset } from '../data/datasets.js';
import type { ImageSet } from '../data/records.js';
import { holdOut, takeBalanced } from '../data/splits.js';
import { collectEnvironment } from '../doctor/environment.js';
import { accuracyOf } from '../evaluation/accuracy.js';
import { evaluate } from '../evaluation/evaluate.js';
import { cleanRobustFigure } from '../figures/clean-robust.js';
import { renderSvg } from '../figures/render-svg.js';
import { findMethod } from '../methods/catalogue.js';
import { resolveRecipe } from '../methods/recipe.js';
import { createNetwork, type WeightedNetwork } from '../models/network.js';
import type { Progress } from '../progress.js';
import { publishedRow } from '../results/published.js';
import { readRecord, writeRecord, type Measurement, type ResultRecord } from '../results/record.js';
import { csvTable, markdownTable } from '../results/table.js';
import { train } from '../training/train.js';
import type { Job, Plan } from './plan.js';

export interface ReproduceOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Where the training runs lie; they are gone on with. */
  readonly runs: string;
  /** Where the table's results go. */
  readonly results: string;
  /** Only these jobs, and the teachers that they need. */
  readonly only?: readonly string[];
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Called with each result as it comes. */
  readonly onResult?: (record: ResultRecord) => void;
}

const sha256 = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

const withWeights = async <R>(file: string, use: (network: WeightedNetwork) => Promise<R>): Promise<R> => {
  const restored = await loadNetwork(file);
  try {
    return await use(restored);
  } finally {
    tf.dispose(restored.weights);
  }
};

/** The jobs of `only` and the teachers that they need, in the plan's order. */
const chosenJobs = (plan: Plan, only: readonly string[] | undefined): Job[] => {
  if (!only) return [...plan.jobs];
  const wanted = new Set(only);
  for (const job of [...plan.jobs].reverse()) {
    if (!wanted.has(job.id)) continue;
    for (const teacher of [job.cleanTeacher, job.robustTeacher]) if (teacher !== undefined) wanted.add(teacher);
  }
  return plan.jobs.filter(({ id }) => wanted.has(id));
};

/** Trains one network of a plan, or goes on with its run; returns the checkpoint that selection chose. */
const trainJob = async (
  plan: Plan,
  job: Job,
  set: ImageSet,
  checkpoints: ReadonlyMap<string, string>,
  { seed = 0, runs, progress, signal }: ReproduceOptions,
): Promise<{ file: string; training: ResultRecord['training'] }> => {
  const method = findMethod(job.method);
  const recipe = resolveRecipe(method, job.changes?.(method.recipe));
  const held = holdOut(set, recipe.validation.images, seed);
  const indices = plan.trainImages === undefined ? held.train : takeBalanced(held.train, set, plan.trainImages, seed);
  const teacher = async (id: string | undefined): Promise<WeightedNetwork | undefined> => {
    if (id === undefined) return undefined;
    return loadNetwork(checkpoints.get(id)!);
  };
  const cleanTeacher = await teacher(job.cleanTeacher);
  const robustTeacher = await teacher(job.robustTeacher);
  try {
    const run = await train({
      method,
      recipe,
      student: createNetwork(job.architecture, {
        classes: set.classes.length,
        width: job.width ?? 1,
        imageSize: set.height,
      }),
      cleanTeacher,
      robustTeacher,
      set,
      train: indices,
      validation: held.validation,
      // A seed is a replicate: what of its networks is alike begins alike.
      seed,
      out: join(runs, job.id),
      ...(progress
        ? {
            progress: (event) => {
              progress({ ...event, task: job.id });
            },
          }
        : {}),
      ...(signal ? { signal } : {}),
    });
    return {
      file: run.bestFile,
      training: {
        recipe,
        trainImages: indices.length,
        validationImages: held.validation.length,
        epoch: run.best.epoch,
        validation: run.history[run.best.epoch - 1]?.validation,
        cleanTeacher: job.cleanTeacher,
        robustTeacher: job.robustTeacher,
      },
    };
  } finally {
    tf.dispose([cleanTeacher?.weights, robustTeacher?.weights]);
  }
};

/** A result that is there already counts where it is of the same checkpoint and holds the same attacks. */
const knownRecord = async (
  file: string,
  checkpoint: string,
  attacks: readonly string[],
): Promise<ResultRecord | undefined> => {
  if (!existsSync(file)) return undefined;
  const record = await readRecord(file);
  return record.checkpoint === checkpoint && attacks.every((attack) => attack in record.attacks) ? record : undefined;
};

/** The records of a table: `fresh`, and of networks that were not chosen this time those that lie in its folder. */
const allRecords = async (plan: Plan, folder: string, fresh: readonly ResultRecord[]): Promise<ResultRecord[]> => {
  const records: ResultRecord[] = [];
  for (const { id } of plan.jobs) {
    const file = join(folder, `${id}.json`);
    const record = fresh.find((candidate) => candidate.id === id);
    if (record) records.push(record);
    else if (existsSync(file)) records.push(await readRecord(file));
  }
  return records;
};

/** Writes the table of results in all its forms: Markdown, CSV, figure. */
export const writeTables = async (plan: Plan, folder: string, records: readonly ResultRecord[]): Promise<void> => {
  await mkdir(folder, { recursive: true });
  const measured = (measurement: Measurement): { value: number; interval: [number, number] } => ({
    value: accuracyOf(measurement),
    interval: [...measurement.interval],
  });
  const figure = cleanRobustFigure(
    // A network that was not attacked by PGD has no place in the figure.
    records.flatMap(({ role, title, method, attacks: { clean, 'pgd-sat': robust } }) =>
      clean && robust
        ? [
            {
              label: role === 'student' ? title : `${title} (${role})`,
              method,
              group: role === 'student' ? 'student' : 'teacher',
              clean: measured(clean),
              robust: measured(robust),
            },
          ]
        : [],
    ),
    { title: plan.title, attack: 'PGD-20, ε 8/255' },
  );
  await writeAtomically(join(folder, 'table.md'), [
    `# ${plan.title}\n\n${plan.claim}\n\n${markdownTable(records)}\n![Clean against robust accuracy](clean-robust.svg)\n`,
  ]);
  await writeAtomically(join(folder, 'table.csv'), [csvTable(records)]);
  await writeAtomically(join(folder, 'clean-robust.json'), [`${JSON.stringify(figure)}\n`]);
  await writeAtomically(join(folder, 'clean-robust.svg'), [await renderSvg(figure)]);
};

/**
 * Reproduces a table: trains every network of the plan that is not trained yet, evaluates it on the whole test set, and
 * writes a record a network and the table. Interrupted and called again, it goes on where it was.
 *
 * @returns the records, in the plan's order
 */
export const reproduce = async (plan: Plan, options: ReproduceOptions): Promise<ResultRecord[]> => {
  const { seed = 0, results, progress, signal, onResult } = options;
  const { train: trainSet, test } = await loadDataset(plan.dataset);
  const environment = await collectEnvironment();
  const checkpoints = new Map<string, string>();
  const records: ResultRecord[] = [];
  for (const job of chosenJobs(plan, options.only)) {
    const { file, training } = await trainJob(plan, job, trainSet, checkpoints, options);
    checkpoints.set(job.id, file);
    const checkpoint = await sha256(file);
    const recordFile = join(results, `${job.id}.json`);
    let record = await knownRecord(recordFile, checkpoint, plan.attacks);
    if (!record) {
      const measured = await withWeights(file, ({ network, weights }) =>
        evaluate({
          network,
          weights,
          set: test,
          attacks: plan.attacks,
          seed,
          ...(progress
            ? {
                progress: (event) => {
                  progress({ ...event, task: `${job.id}: ${event.task}` });
                },
              }
            : {}),
          ...(signal ? { signal } : {}),
        }),
      );
      const attacks: Record<string, Measurement> = Object.fromEntries(
        Object.entries(measured.attacks).map(([name, { correct, total, interval }]) => [
          name,
          { correct, total, interval: [interval[0], interval[1]] },
        ]),
      );
      const method = findMethod(job.method);
      const network = createNetwork(job.architecture, {
        classes: trainSet.classes.length,
        width: job.width ?? 1,
        imageSize: trainSet.height,
      });
      record = {
        format: 'ciard-result-1',
        id: job.id,
        role: job.role,
        method: method.name,
        title: method.title,
        architecture: job.architecture,
        width: job.width ?? 1,
        parameters: network.parameters,
        dataset: plan.dataset,
        seed,
        attacks,
        epsilon: 8 / 255,
        ...(job.role === 'student' ? { paper: publishedRow(plan.dataset, job.architecture, job.method) } : {}),
        training,
        checkpoint,
        environment,
      };
      await writeRecord(recordFile, record);
    }
    records.push(record);
    onResult?.(record);
    // After each network, so that what is there can be looked at while the next one trains.
    await writeTables(plan, results, await allRecords(plan, results, records));
  }
  return records;
};
