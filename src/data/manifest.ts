import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { datasetNames } from './names.js';

const part = z.strictObject({
  records: z.int().positive(),
  bytes: z.int().positive(),
  md5: z.string().regex(/^[0-9a-f]{32}$/),
});

/**
 * `dataset.json`, which lies beside `train.bin` and `test.bin`: what the records need to be read. It holds nothing of the
 * archive that they came from, so that the same images give the same three files everywhere.
 */
const schema = z.strictObject({
  format: z.literal(1),
  name: z.enum(datasetNames),
  height: z.int().positive(),
  width: z.int().positive(),
  headBytes: z.union([z.literal(1), z.literal(2)]),
  /** Names of the classes in label order. */
  classes: z.array(z.string()).min(1),
  /** WordNet identifiers in label order (Tiny-ImageNet). */
  wnids: z.array(z.string()).optional(),
  train: part,
  test: part,
  /** The settings that made it (synthetic). */
  settings: z.record(z.string(), z.number()).optional(),
});

export type Manifest = z.infer<typeof schema>;

/** The files of a data set's folder. */
export const dataFiles = ['train.bin', 'test.bin', 'dataset.json'] as const;

/** A manifest as the bytes of `dataset.json`. */
export const manifestText = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/**
 * Reads `folder/dataset.json`.
 * @throws UserError where it is not what it should be.
 */
export const readManifest = async (folder: string): Promise<Manifest> => {
  const path = join(folder, 'dataset.json');
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    throw new UserError(`${path} is missing or is no JSON. Remove ${folder} and import the data set again.`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(
    `${path}: ${issue ? `${issue.path.join('.')}: ${issue.message}` : 'not understood'}. Remove ${folder} and import the data set again.`,
  );
};
