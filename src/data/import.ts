import { join } from 'node:path';
import { checkFolderWritable } from '../atomic-write.js';
import { UserError } from '../errors.js';
import type { Progress } from '../progress.js';
import { readCifar } from './cifar.js';
import { datasetInfo, howToGet, type DatasetName } from './datasets.js';
import { dataRoot } from './location.js';
import type { Manifest } from './manifest.js';
import { writeDataset } from './store.js';
import { writeSynthetic } from './synthetic-store.js';
import { readTinyImageNet } from './tiny-imagenet.js';

export interface ImportOptions {
  /** The folder that holds the data sets; `data` at the repository's root by default. */
  readonly root?: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/**
 * Makes `root/<name>/{train.bin, test.bin, dataset.json}` of an official archive or its unpacked folder: canonical
 * records, whole or not at all; a set of that name that is there already is replaced.
 *
 * @param path The archive or folder; none for `synthetic`, which is made.
 * @throws UserError naming file and byte where the contents are not what they should be, or where `root` can't be written,
 * which is found before anything is read.
 * @throws InterruptedError
 */
export const importDataset = async (
  name: DatasetName,
  path: string | undefined,
  { root = dataRoot(), ...options }: ImportOptions = {},
): Promise<Manifest> => {
  await checkFolderWritable(join(root, name));
  if (name === 'synthetic') {
    if (path !== undefined)
      throw new UserError(`synthetic is made, not imported: \`npx ciard data import synthetic\` without ${path}`);
    return writeSynthetic(root);
  }
  if (path === undefined) throw new UserError(`the archive or folder of ${name} is not named: ${howToGet(name)}`);
  const { layout, classNames } = datasetInfo(name);
  const folder = join(root, name);
  if (name === 'tiny-imagenet') {
    const { train, test, classes, wnids } = await readTinyImageNet(path, options);
    return writeDataset(folder, layout, { train, test }, { name, classes: [...classes], wnids: [...wnids] });
  }
  const { train, test } = await readCifar(name, path, options);
  return writeDataset(folder, layout, { train: [train], test: [test] }, { name, classes: [...classNames!] });
};
