import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.js';
import { datasetInfo, datasetNames, howToGet, type DatasetName } from './datasets.js';
import { dataRoot } from './location.js';
import { dataFiles, readManifest } from './manifest.js';

export interface InventoryEntry {
  readonly dataset: DatasetName;
  readonly title: string;
  /** `broken`: files are missing or of the wrong size. Contents are `verifyData`'s business. */
  readonly state: 'here' | 'absent' | 'broken';
  readonly folder: string;
  /** Images a part: those that are here, or those of the whole set where it is absent. */
  readonly train: number;
  readonly test: number;
  /** Is that the whole set? */
  readonly whole: boolean;
  readonly classes: number;
  readonly height: number;
  readonly width: number;
  /** What it means and what to do, in a sentence. */
  readonly message: string;
}

/** What is in `root`, data set by data set. It looks at names and sizes, not at contents. */
export const inventory = async (root: string = dataRoot()): Promise<readonly InventoryEntry[]> => {
  const entries: InventoryEntry[] = [];
  for (const dataset of datasetNames) {
    const { title, height, width, classes, trainRecords, testRecords } = datasetInfo(dataset);
    const folder = join(root, dataset);
    const known = { dataset, title, folder, height, width };
    const official = { train: trainRecords, test: testRecords, whole: true, classes };
    // `dvc pull` that brings nothing leaves an empty folder.
    if (!dataFiles.some((file) => existsSync(join(folder, file)))) {
      entries.push({ ...known, ...official, state: 'absent', message: howToGet(dataset) });
      continue;
    }
    try {
      const manifest = await readManifest(folder);
      for (const part of ['train', 'test'] as const) {
        const { size } = await stat(join(folder, `${part}.bin`)).catch(() => ({ size: 0 }));
        const { bytes } = manifest[part];
        if (size !== bytes) throw new Error(`${part}.bin has ${size} bytes, wanted ${bytes}`);
      }
      const train = manifest.train.records;
      const test = manifest.test.records;
      const whole = train === trainRecords && test === testRecords;
      entries.push({
        ...known,
        state: 'here',
        train,
        test,
        whole,
        classes: manifest.classes.length,
        message: whole
          ? 'the whole set'
          : `a part of the whole set (${trainRecords} training and ${testRecords} test images)`,
      });
    } catch (error) {
      const message = `${messageOf(error)}; remove ${folder} and get it again: ${howToGet(dataset)}`;
      entries.push({ ...known, ...official, state: 'broken', message });
    }
  }
  return entries;
};
