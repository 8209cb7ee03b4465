import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../atomic-write.js';
import { UserError } from '../errors.js';
import { accuracyOf } from '../evaluation/accuracy.js';
import { percentage } from '../percent.js';
import type { CellRecord } from '../results/cell-record.js';
import { csvOfTable } from '../tables/csv.js';
import { bestFile, teacherFile } from '../training/run-folder.js';
import { shippedReplicate } from './pipeline.js';
import { wRobustName } from './results.js';

/** Weights of a network's folder, as DVC keeps them. */
export const weightsFolder = (folder: string): string => join(folder, 'weights');
export const studentWeights = (folder: string): string => join(weightsFolder(folder), 'student.safetensors');
const teacherWeights = (folder: string): string => join(weightsFolder(folder), 'robust-teacher.safetensors');

export const sha256OfFile = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

/** A record's training. */
type Training = NonNullable<CellRecord['training']>;

/** What is known of weights: SHA-256 of the student's, and of the robust teacher's where it was trained too. */
export type WeightSums = Pick<Training, 'checkpoint' | 'teacherCheckpoint'>;

interface WeightFiles {
  readonly student: string;
  readonly teacher: string;
}
const inRun = (run: string): WeightFiles => ({ student: bestFile(run), teacher: teacherFile(run) });
const kept = (folder: string): WeightFiles => ({ student: studentWeights(folder), teacher: teacherWeights(folder) });

/** The files of a training, with the sum that each has to have. */
const summed = (
  { student, teacher }: WeightFiles,
  { checkpoint, teacherCheckpoint }: WeightSums,
): { readonly file: string; readonly sha256: string }[] => [
  { file: student, sha256: checkpoint },
  ...(teacherCheckpoint === null ? [] : [{ file: teacher, sha256: teacherCheckpoint }]),
];

/** The files of a training from here to there, with the sum that each has to have. */
const pairs = (
  from: WeightFiles,
  to: WeightFiles,
  sums: WeightSums,
): { readonly from: string; readonly to: string; readonly sha256: string }[] => {
  const there = summed(to, sums);
  return summed(from, sums).map(({ file, sha256 }, i) => ({ from: file, to: there[i]!.file, sha256 }));
};

/** A file appears whole, or not at all; where the file system can, both share their blocks. */
export const copyWhole = async (from: string, to: string): Promise<void> => {
  await mkdir(join(to, '..'), { recursive: true });
  const draft = `${to}.${process.pid}.tmp`;
  try {
    await copyFile(from, draft, constants.COPYFILE_FICLONE);
    await rename(draft, to);
  } finally {
    await rm(draft, { force: true });
  }
};

/**
 * Whether the folder of a run holds the weights of a training, those of the student and of the teacher that it retrained.
 * @throws UserError where it holds others: records change with the code that made them, and a folder may be older
 */
export const holdsWeights = async (run: string, sums: WeightSums): Promise<boolean> => {
  const files = summed(inRun(run), sums);
  if (!files.every(({ file }) => existsSync(file))) return false;
  for (const { file, sha256 } of files) {
    if ((await sha256OfFile(file)) === sha256) continue;
    throw new UserError(
      `${file} holds other weights than its record says. Remove ${run}: what was shipped is taken then, or it is trained again.`,
    );
  }
  return true;
};

/**
 * Puts the weights of a training into the folder of a run, from the folder that DVC keeps of its network.
 * @returns whether they are there now
 * @throws UserError that names a file whose content is not what was recorded
 */
export const restoreWeights = async (run: string, folder: string, sums: WeightSums): Promise<boolean> => {
  const files = pairs(kept(folder), inRun(run), sums);
  if (await holdsWeights(run, sums)) return true;
  if (!files.every(({ from }) => existsSync(from))) return false;
  for (const { from, sha256 } of files) {
    const found = await sha256OfFile(from);
    if (found === sha256) continue;
    throw new UserError(
      `${from} is damaged: its SHA-256 is ${found}, but the record says ${sha256}. Remove ${weightsFolder(folder)} and ` +
        'get it again: "dvc pull".',
    );
  }
  for (const { from, to } of files) await copyWhole(from, to);
  return true;
};

/** Copies the weights of one run folder into another, where they are there and as recorded. @returns whether they are */
export const copyRunWeights = async (run: string, other: string, sums: WeightSums): Promise<boolean> => {
  const files = pairs(inRun(run), inRun(other), sums);
  for (const { from, sha256 } of files) {
    if (!existsSync(from) || (await sha256OfFile(from)) !== sha256) return false;
  }
  for (const { from, to } of files) if (!existsSync(to)) await copyWhole(from, to);
  return true;
};

const json = (value: unknown): string[] => [`${JSON.stringify(value, null, 1)}\n`];

/** Accuracies in percent of the epochs that were validated, with the loss terms beside them. */
const curvesOf = ({ history }: Training): string => {
  const rows = history.flatMap(({ epoch, learningRate, terms, retrained, validation }) =>
    validation
      ? [
          {
            epoch,
            clean: percentage(validation.clean),
            robust: percentage(validation.robust),
            ...(validation.teacherRobust === undefined ? {} : { teacherRobust: percentage(validation.teacherRobust) }),
            learningRate,
            ...(retrained === undefined ? {} : { retrained }),
            ...terms,
          },
        ]
      : [],
  );
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return csvOfTable({
    columns: names.map((title) => ({ title })),
    rows: rows.map((row) => {
      const values = new Map<string, number>(Object.entries(row));
      return names.map((name) => ({ text: String(values.get(name) ?? ''), value: values.get(name) ?? null }));
    }),
  });
};

/**
 * Writes what DVC knows of a training: `network.json` (which training, and SHA-256 of its weights), `training.json`
 * (metrics, percent), `curves.csv` and, of the replicate that is shipped, the weights. Seconds are in none of them: a
 * training that is repeated changes nothing.
 *
 * @throws UserError where the weights are in neither folder, or are not those of the record
 */
export const writeNetwork = async (run: string, folder: string, { id, cell, training }: CellRecord): Promise<void> => {
  if (!training) throw new Error(`${id} is no training`);
  if (cell.seed === shippedReplicate) {
    for (const { from, to, sha256 } of pairs(inRun(run), kept(folder), training)) {
      if (existsSync(to) && (await sha256OfFile(to)) === sha256) continue;
      if (!existsSync(from)) {
        throw new UserError(
          `the weights of ${folder} are missing (${to}, ${from}): "dvc pull" brings those that were shipped.`,
        );
      }
      if ((await sha256OfFile(from)) !== sha256) {
        throw new UserError(
          `${from} holds other weights than those that were recorded. Remove ${run} and train again.`,
        );
      }
      await copyWhole(from, to);
    }
  } else {
    await rm(weightsFolder(folder), { recursive: true, force: true });
    await mkdir(weightsFolder(folder), { recursive: true });
  }
  const best = training.history.find(({ epoch }) => epoch === training.best.epoch)?.validation;
  await writeAtomically(
    join(folder, 'network.json'),
    json({ training: id, student: training.checkpoint, robustTeacher: training.teacherCheckpoint }),
  );
  await writeAtomically(
    join(folder, 'training.json'),
    json({
      epochs: training.history.length,
      best: {
        epoch: training.best.epoch,
        ...(best ? { clean: percentage(best.clean), robust: percentage(best.robust) } : {}),
      },
    }),
  );
  await writeAtomically(join(folder, 'curves.csv'), [curvesOf(training)]);
};

/** Writes accuracies by attack as DVC's metrics, in percent. */
export const writeAccuracies = async (file: string, records: Readonly<Record<string, CellRecord>>): Promise<void> => {
  const accuracies = Object.fromEntries(
    Object.entries(records).map(([attack, { evaluation }]) => [attack, percentage(accuracyOf(evaluation!))]),
  );
  const { clean, 'pgd-sat': robust } = accuracies;
  await mkdir(join(file, '..'), { recursive: true });
  await writeAtomically(
    file,
    json({
      ...accuracies,
      ...(clean === undefined || robust === undefined ? {} : { [wRobustName]: percentage((clean + robust) / 200) }),
    }),
  );
};
