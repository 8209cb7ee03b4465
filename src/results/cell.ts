import { createHash } from 'node:crypto';
import { configure } from 'safe-stable-stringify';
import { z } from 'zod';
import { attackSpecSchema } from '../attacks/catalogue.js';
import { datasetNames } from '../data/names.js';
import { recipeSchema } from '../methods/recipe.js';

/** SHA-256 of the canonical JSON of a cell, in hexadecimal digits. */
export const cellIdSchema = z.string().regex(/^[0-9a-f]{64}$/, 'wanted are 64 hexadecimal digits');
export type CellId = z.infer<typeof cellIdSchema>;

const count = z.int().min(0);

export const networkSpecSchema = z
  .strictObject({
    architecture: z.string(),
    width: z.number().positive(),
    classes: count.min(2),
    imageSize: count.min(1),
  })
  .readonly();

/** A file of images by content, and by which rule images of it are taken. */
const dataSchema = z.strictObject({
  name: z.enum(datasetNames),
  md5: z.string().regex(/^[0-9a-f]{32}$/),
  /** How many images, balanced by class (training) or spread evenly (test); null for all that there are. */
  images: count.nullable(),
});

/** What a cell's training is decided by. */
const trainCellSchema = z
  .strictObject({
    kind: z.literal('train'),
    /** Of the code that trains: raised when the same cell ends with other weights. */
    revision: z.int(),
    method: z.string(),
    network: networkSpecSchema,
    data: dataSchema.readonly(),
    recipe: recipeSchema,
    /** The replicate. */
    seed: count,
    teachers: z.strictObject({ clean: cellIdSchema.nullable(), robust: cellIdSchema.nullable() }).readonly(),
  })
  .readonly();
export type TrainCell = z.infer<typeof trainCellSchema>;

/** Test images; where it says so, training images. */
const evaluatedSchema = dataSchema.extend({ part: z.literal('train').optional() });

const evaluateCellSchema = z
  .strictObject({
    kind: z.literal('evaluate'),
    /** The training whose network is evaluated, and which of its networks. */
    model: cellIdSchema,
    of: z.enum(['student', 'robust teacher']),
    attack: attackSpecSchema.readonly(),
    /** On whose network a transfer attack is made. */
    surrogate: cellIdSchema.nullable(),
    data: evaluatedSchema.readonly(),
    seed: count,
  })
  .readonly();
export type EvaluateCell = z.infer<typeof evaluateCellSchema>;

/**
 * One training or one evaluation, by everything that decides its outcome. Threads, machine, paths and titles are not in
 * it: a row more in a table changes no cell of another.
 */
export const cellSchema = z
  .discriminatedUnion('kind', [trainCellSchema.unwrap(), evaluateCellSchema.unwrap()])
  .readonly();
export type Cell = z.infer<typeof cellSchema>;

/** Of the code that trains. Raise it when the same cell would end with other weights. */
export const trainingRevision = 1;

/** JSON with sorted keys and without white space; what is no JSON is refused. */
const canonicalJson = configure({ strict: true });

/** The id of a cell: SHA-256 of its canonical JSON. */
export const cellId = (cell: Cell): CellId => createHash('sha256').update(canonicalJson(cell)).digest('hex');
