import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../atomic-write.js';
import type { Environment } from '../doctor/environment.js';
import { messageOf, UserError } from '../errors.js';

/** A measured accuracy. */
export interface Measurement {
  readonly correct: number;
  readonly total: number;
  /** 95 % (Wilson), as fractions. */
  readonly interval: readonly [number, number];
}

/** One row of a table, and how it came about. A file of `results/<table>/`. */
export interface ResultRecord {
  readonly format: 'ciard-result-1';
  readonly id: string;
  readonly role: 'clean teacher' | 'robust teacher' | 'student';
  readonly method: string;
  readonly title: string;
  readonly architecture: string;
  readonly width: number;
  readonly parameters: number;
  readonly dataset: string;
  readonly seed: number;
  /** By attack; 'clean' among them. Held on the test set, which nothing was selected by. */
  readonly attacks: Readonly<Record<string, Measurement>>;
  readonly epsilon: number;
  /** The paper's numbers for this data set, network and method in percent, by attack, where there are any. */
  readonly paper?: { readonly values: Readonly<Record<string, number>>; readonly source: string } | undefined;
  /** What the run was allowed: the recipe, images, the epoch that selection chose. */
  readonly training: {
    readonly recipe: unknown;
    readonly trainImages: number;
    readonly validationImages: number;
    readonly epoch: number;
    readonly validation?: { readonly clean: number; readonly robust: number } | undefined;
    readonly cleanTeacher?: string | undefined;
    readonly robustTeacher?: string | undefined;
  };
  /** SHA-256 of the checkpoint that was evaluated. */
  readonly checkpoint: string;
  readonly environment: Environment;
}

const measurement = z.object({
  correct: z.number().int().min(0),
  total: z.number().int().min(1),
  interval: z.tuple([z.number(), z.number()]),
});
const recordSchema = z.looseObject({
  format: z.literal('ciard-result-1'),
  id: z.string(),
  role: z.enum(['clean teacher', 'robust teacher', 'student']),
  method: z.string(),
  title: z.string(),
  architecture: z.string(),
  dataset: z.string(),
  attacks: z.record(z.string(), measurement),
  checkpoint: z.string(),
});

/** @throws UserError where the file is no result */
export const readRecord = async (file: string): Promise<ResultRecord> => {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file}: it can't be read as a result (${messageOf(error)}).`);
  }
  const parsed = recordSchema.safeParse(content);
  if (!parsed.success) throw new UserError(`${file}: it is not a result:\n${z.prettifyError(parsed.error)}`);
  return content as ResultRecord;
};

export const writeRecord = async (file: string, record: ResultRecord): Promise<void> => {
  await mkdir(dirname(file), { recursive: true });
  await writeAtomically(file, [`${JSON.stringify(record, null, 2)}\n`]);
};
