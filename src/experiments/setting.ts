import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { datasetInfo, identityOf } from '../data/datasets.js';
import { dataRoot, repositoryRoot } from '../data/location.js';
import { readManifest } from '../data/manifest.js';
import type { DatasetName } from '../data/names.js';
import { recordBytes } from '../data/records.js';
import { readPins } from '../dvc/pins.js';
import type { Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import type { GridSetting } from './grid.js';
import { scales, type Scale } from './scale.js';
import type { ScaleName } from './scale-names.js';

/**
 * What a data set is by content: as it lies there, or, where it is absent, as `data.dvc` pins it. So the cells of a table
 * can be listed without its data.
 */
const dataOf = async (name: DatasetName): Promise<GridSetting['data']> => {
  const info = datasetInfo(name);
  const folder = join(dataRoot(), name);
  const common = { classes: info.classes, imageSize: info.layout.height };
  if (existsSync(join(folder, 'dataset.json'))) return { ...identityOf(await readManifest(folder)), ...common };
  const pins = (await readPins(repositoryRoot())).filter(({ dataset }) => dataset === name);
  const part = (file: string): { images: number; md5: string } => {
    const pin = pins.find((candidate) => candidate.file === file);
    if (!pin) throw new UserError(`data.dvc pins no ${file} of ${name}, and it is not there: import it first.`);
    return { images: pin.bytes / recordBytes(info.layout), md5: pin.md5 };
  };
  const [train, test] = [part('train.bin'), part('test.bin')];
  return {
    name,
    train,
    test,
    whole: train.images === info.trainRecords && test.images === info.testRecords,
    ...common,
  };
};

const datasetOf = ({ name, datasets }: Scale, data: DatasetName | undefined): DatasetName => {
  if (data === undefined) return datasets[0]!;
  if (datasets.includes(data)) return data;
  throw new UserError(
    `the scale ${name} is for ${datasets.join(', ')}, not for ${data}. Choose another --data or --scale.`,
  );
};

/**
 * The setting of a table: a scale, its data set (the scale's first by default), replicates 0 … n − 1.
 * @throws UserError where the scale is not for that data set
 */
export const settingOf = async (
  scaleName: ScaleName,
  {
    data,
    replicates,
    precision = 'float32',
  }: {
    readonly data?: DatasetName | undefined;
    readonly replicates?: number | undefined;
    readonly precision?: Precision | undefined;
  } = {},
): Promise<GridSetting> => {
  const scale = scales[scaleName];
  return {
    scale,
    data: await dataOf(datasetOf(scale, data)),
    replicates: Array.from({ length: replicates ?? scale.replicates }, (_, i) => i),
    precision,
  };
};
