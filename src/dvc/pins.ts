import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { datasetNames, type DatasetName } from '../data/names.js';
import { UserError } from '../errors.js';

const schema = z.object({
  outs: z.array(
    z.object({
      path: z.string(),
      md5: z.string().regex(/^[0-9a-f]{32}$/, 'wanted an MD5: `dvc add` with the path of the file fills it in'),
      size: z.string().regex(/^\d+$/).transform(Number),
      // Data sets are proved, not stored: neither copied to DVC's cache nor pushed, and `dvc pull` does not ask for them.
      cache: z.literal('false', { error: 'wanted is "cache: false": data sets are neither cached nor pushed' }),
    }),
  ),
});

/** A file that `data.dvc` pins by content. */
export interface Pin {
  readonly dataset: DatasetName;
  /** Its path in the repository: `data/cifar10/train.bin`. */
  readonly path: string;
  /** Its name in the data set's folder. */
  readonly file: string;
  readonly md5: string;
  readonly bytes: number;
}

/**
 * What `data.dvc` at the root of the repository pins.
 * @throws UserError where it is missing or is not what it should be.
 */
export const readPins = async (root: string): Promise<readonly Pin[]> => {
  const path = join(root, 'data.dvc');
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path} is missing: it pins the data sets; \`git checkout data.dvc\` brings it back`);
  });
  // Every scalar as text: an MD5 may look like a number.
  const parsed = schema.safeParse(parse(text, { schema: 'failsafe' }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError(`${path}: ${issue ? `${issue.path.join('.')}: ${issue.message}` : 'not understood'}`);
  }
  return parsed.data.outs.map(({ path: out, md5, size }) => {
    const [, folder, file] = /^data\/([^/]+)\/([^/]+)$/.exec(out) ?? [];
    const dataset = datasetNames.find((name) => name === folder);
    if (dataset === undefined || file === undefined)
      throw new UserError(`${path}: '${out}' is no file of a data set (data/<name>/<file>)`);
    return { dataset, path: out, file, md5, bytes: size };
  });
};
