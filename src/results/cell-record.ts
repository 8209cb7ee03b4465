import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../atomic-write.js';
import { environmentSchema } from '../doctor/environment-schema.js';
import { messageOf, UserError } from '../errors.js';
import { accuracySchema } from '../evaluation/accuracy.js';
import { cellId, cellIdSchema, cellSchema, type CellId } from './cell.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What differs from run to run of the same cell, and nothing else of a record does. */
const costSchema = z.strictObject({
  /** Seconds of wall clock and of processor. */
  wall: z.number(),
  processor: z.number(),
  imagesPerSecond: z.number(),
});

const epochSchema = z.strictObject({
  epoch: z.int(),
  learningRate: z.number(),
  terms: z.record(z.string(), z.number()),
  retrained: z.number().optional(),
  validation: z
    .strictObject({ clean: z.number(), robust: z.number(), teacherRobust: z.number().optional() })
    .optional(),
});

const trainingSchema = z.strictObject({
  parameters: z.int(),
  trainImages: z.int(),
  validationImages: z.int(),
  history: z.array(epochSchema),
  best: z.strictObject({ epoch: z.int(), score: z.number() }),
  /** SHA-256 of the student's checkpoint, and of the robust teacher as the method left it. */
  checkpoint: sha256,
  teacherCheckpoint: sha256.nullable(),
});

const stageSchema = z.strictObject({ ...accuracySchema.unwrap().shape, outcome: z.base64() });

const evaluationSchema = z.strictObject({
  ...stageSchema.shape,
  /** Of AutoAttack: what is left after each stage. */
  stages: z.record(z.string(), stageSchema).nullable(),
  checkpoint: sha256,
});

/**
 * What one cell gave. `training` is there for a training, `evaluation` for an evaluation; outcomes are a bit an image
 * (`unpackOutcome`). Two runs of a cell give the same record but for `cost`.
 */
export const cellRecordSchema = z.strictObject({
  format: z.literal('ciard-cell-1'),
  id: cellIdSchema,
  /** For people: what it is in the table that it was first run for. */
  name: z.string(),
  cell: cellSchema,
  training: trainingSchema.nullable(),
  evaluation: evaluationSchema.nullable(),
  /** What makes the result doubtful: masked gradients, a collapse. */
  warnings: z.array(z.string()),
  cost: costSchema,
  environment: environmentSchema,
});
export type CellRecord = z.infer<typeof cellRecordSchema>;

/**
 * Reads a record strictly.
 * @throws UserError where the file is no record of this format, or not of the cell that its id names
 */
export const readCellRecord = async (file: string): Promise<CellRecord> => {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(
      `${file}: it can't be read as a record (${messageOf(error)}). Remove it and run its cell again.`,
    );
  }
  const format = z.object({ format: z.string() }).safeParse(content).data?.format;
  if (format !== undefined && format !== 'ciard-cell-1') {
    throw new UserError(
      `${file} is of the format ${format}, but ciard-cell-1 is wanted: remove it and run its cell again.`,
    );
  }
  const parsed = cellRecordSchema.safeParse(content);
  if (!parsed.success) throw new UserError(`${file}: it is not a record:\n${z.prettifyError(parsed.error)}`);
  const record = parsed.data;
  const measured = { train: record.training, evaluate: record.evaluation };
  const whole = Object.entries(measured).every(([kind, part]) => (kind === record.cell.kind) === (part !== null));
  if (cellId(record.cell) !== record.id || !whole) {
    throw new UserError(
      `${file}: its cell is not the one that its id names, or it holds not what such a cell gives. Remove it and run the cell again.`,
    );
  }
  return record;
};

/** Writes a record, atomically. */
export const writeCellRecord = async (file: string, record: CellRecord): Promise<void> => {
  await mkdir(dirname(file), { recursive: true });
  await writeAtomically(file, [`${JSON.stringify(record, null, 1)}\n`]);
};

/** The record of a cell among folders of records, the first that has it. */
export const findCellRecord = async (folders: readonly string[], id: CellId): Promise<CellRecord | undefined> => {
  for (const folder of folders) {
    const file = `${folder}/${id}.json`;
    if (existsSync(file)) return readCellRecord(file);
  }
  return undefined;
};
