import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { cifar100Classes, cifar100Coarse, cifar10Classes } from './cifar-classes.js';
import { dataRoot } from './location.js';
import { readManifest, type Manifest } from './manifest.js';
import { datasetNames, type DatasetName } from './names.js';
import { checkLabels, imageBytes, recordBytes, splitRecords, type ImageSet, type RecordLayout } from './records.js';
import { syntheticClasses, syntheticRecords } from './synthetic.js';
import { ensureSynthetic } from './synthetic-store.js';

export { datasetNames, type DatasetName };

/** What is known of a data set before a byte of it is there. */
export interface DatasetInfo {
  readonly name: DatasetName;
  readonly title: string;
  readonly layout: RecordLayout;
  /** Number of classes. */
  readonly classes: number;
  readonly height: number;
  readonly width: number;
  /** Names of the classes in label order; Tiny-ImageNet's come with its archive. */
  readonly classNames?: readonly string[];
  /** Records of the whole set. */
  readonly trainRecords: number;
  readonly testRecords: number;
  /** Where its authors publish it, and the MD5 of that archive as they or the field's loaders state it. */
  readonly archive?: { readonly file: string; readonly addresses: readonly string[]; readonly md5: string };
  /** MD5s of the canonical files, where they are known for certain: then they decide whether contents are right. */
  readonly canonical?: { readonly train: string; readonly test: string };
}

const info = (given: Omit<DatasetInfo, 'classes' | 'height' | 'width'>): DatasetInfo => ({
  ...given,
  classes: given.layout.classes,
  height: given.layout.height,
  width: given.layout.width,
});

const infos: Readonly<Record<DatasetName, DatasetInfo>> = {
  cifar10: info({
    name: 'cifar10',
    title: 'CIFAR-10',
    layout: { headBytes: 1, height: 32, width: 32, classes: 10 },
    classNames: cifar10Classes,
    trainRecords: 50_000,
    testRecords: 10_000,
    archive: {
      file: 'cifar-10-binary.tar.gz',
      addresses: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
      md5: 'c32a1d4ab5d03f1284b67883e8d87530',
    },
    canonical: { train: '2ef26965f4847c0f2c0b711f7b1b6b71', test: 'aa8639dee20d3fa4dacb4892248dc859' },
  }),
  cifar100: info({
    name: 'cifar100',
    title: 'CIFAR-100',
    layout: { headBytes: 2, height: 32, width: 32, classes: 100, coarse: cifar100Coarse },
    classNames: cifar100Classes,
    trainRecords: 50_000,
    testRecords: 10_000,
    archive: {
      file: 'cifar-100-binary.tar.gz',
      addresses: ['https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz'],
      md5: '03b5dce01913d631647c71ecec9e9cb8',
    },
    canonical: { train: '176792b1326219da65d2d6e7e21a2689', test: 'b2174d8783e53ca80b1a3dbf1e7b7fe3' },
  }),
  'tiny-imagenet': info({
    name: 'tiny-imagenet',
    title: 'Tiny-ImageNet',
    layout: { headBytes: 1, height: 64, width: 64, classes: 200 },
    trainRecords: 100_000,
    // Its test images carry no labels: the field evaluates on the validation images.
    testRecords: 10_000,
    archive: {
      file: 'tiny-imagenet-200.zip',
      addresses: [
        'http://cs231n.stanford.edu/tiny-imagenet-200.zip',
        'https://cs231n.stanford.edu/tiny-imagenet-200.zip',
      ],
      md5: '90528d7ca1a48142e341f4ef8d21d0de',
    },
  }),
  synthetic: info({
    name: 'synthetic',
    title: 'the embedded synthetic set',
    layout: { headBytes: 1, height: 32, width: 32, classes: syntheticClasses.length },
    classNames: syntheticClasses,
    trainRecords: syntheticRecords.train,
    testRecords: syntheticRecords.test,
  }),
};

/** What is known of the data set `name`. */
export const datasetInfo = (name: DatasetName): DatasetInfo => infos[name];

/**
 * `name` as the name of a data set.
 * @throws UserError that lists the names.
 */
export const parseDatasetName = (name: string): DatasetName => {
  const found = datasetNames.find((known) => known === name);
  if (!found) throw new UserError(`no data set is called '${name}'; the names are ${datasetNames.join(', ')}`);
  return found;
};

/** One sentence: what to do to have the data set `name`. */
export const howToGet = (name: DatasetName): string =>
  name === 'synthetic'
    ? '`npx ciard data import synthetic` makes it, and so does its first use'
    : `\`npx ciard data fetch ${name}\` downloads it; \`npx ciard data import ${name} <path>\` takes ${infos[name].archive!.file} or its unpacked folder`;

export interface DatasetOptions {
  /** The folder that holds the data sets, one folder each; `data` at the repository's root by default. */
  readonly root?: string;
}

type Part = ImageSet['part'];

/** Bytes of one read: whole records, some 8 MB of them. */
const chunkBytes = 8 << 20;

const readPart = async (folder: string, manifest: Manifest, part: Part, remedy: string): Promise<ImageSet> => {
  const layout = { ...infos[manifest.name].layout, classes: manifest.classes.length };
  const { records, md5 } = manifest[part];
  const path = join(folder, `${part}.bin`);
  const size = recordBytes(layout);
  const found = existsSync(path) ? (await stat(path)).size : 0;
  if (found !== records * size) {
    throw new UserError(`${path}: ${found} bytes, wanted ${records * size} (${records} records). ${remedy}`);
  }
  const pixels = new Uint8Array(records * imageBytes(layout));
  const labels = new Uint8Array(records);
  const hash = createHash('md5');
  const file = await open(path);
  try {
    const step = Math.floor(chunkBytes / size);
    const chunk = Buffer.allocUnsafe(step * size);
    for (let record = 0; record < records; record += step) {
      const whole = chunk.subarray(0, Math.min(step, records - record) * size);
      const { bytesRead } = await file.read(whole, 0, whole.length, record * size);
      if (bytesRead !== whole.length) throw new UserError(`${path}: ended while it was read. ${remedy}`);
      hash.update(whole);
      checkLabels(whole, layout, path, record * size);
      const split = splitRecords(whole, layout);
      labels.set(split.labels, record);
      pixels.set(split.pixels, record * imageBytes(layout));
    }
  } finally {
    await file.close();
  }
  const digest = hash.digest('hex');
  if (digest !== md5)
    throw new UserError(`${path}: MD5 ${digest}, wanted ${md5}: other contents than it should have. ${remedy}`);
  return {
    name: manifest.name,
    part,
    length: records,
    height: layout.height,
    width: layout.width,
    classes: manifest.classes,
    pixels,
    labels,
    md5,
  };
};

/** A folder without `dataset.json` that holds canonical CIFAR files: which set it is shows in the file's size. */
const manifestOfBareFolder = async (folder: string, part: Part): Promise<Manifest | undefined> => {
  const path = join(folder, `${part}.bin`);
  if (!existsSync(path)) return undefined;
  const { size } = await stat(path);
  for (const { name, layout, classNames, canonical, trainRecords, testRecords } of Object.values(infos)) {
    if (!canonical || !classNames) continue;
    const bytes = (records: number): number => records * recordBytes(layout);
    if (size !== bytes(part === 'train' ? trainRecords : testRecords)) continue;
    return {
      format: 1,
      name,
      height: layout.height,
      width: layout.width,
      headBytes: layout.headBytes,
      classes: [...classNames],
      train: { records: trainRecords, bytes: bytes(trainRecords), md5: canonical.train },
      test: { records: testRecords, bytes: bytes(testRecords), md5: canonical.test },
    };
  }
  return undefined;
};

/** Where a data set lies, what it should hold, and what to do where it does not. */
interface Found {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly remedy: string;
}

/**
 * The data set that `source` names: what is stated of it, not whether that is so.
 * @param part The part that must be there where the folder has no `dataset.json`.
 * @throws UserError where it is absent, saying how to get it.
 */
const find = async (source: string, part: Part, { root = dataRoot() }: DatasetOptions): Promise<Found> => {
  const name = datasetNames.find((known) => known === source);
  const folder = name ? join(root, name) : source;
  if (name === 'synthetic') await ensureSynthetic(root);
  if (existsSync(join(folder, 'dataset.json'))) {
    const manifest = await readManifest(folder);
    if (name && manifest.name !== name) {
      throw new UserError(`${folder} holds ${manifest.name}, wanted ${name}. Remove it; ${howToGet(name)}.`);
    }
    return { folder, manifest, remedy: `Remove ${folder} and get the set again: ${howToGet(manifest.name)}.` };
  }
  const bare = await manifestOfBareFolder(folder, part);
  if (bare) {
    // CIFAR-100's official files have the same names and sizes.
    const remedy = `If these are the official files, \`npx ciard data import ${bare.name} ${folder}\` makes the canonical ones.`;
    return { folder, manifest: bare, remedy };
  }
  if (name) throw new UserError(`the data set ${name} is not in ${root}: ${howToGet(name)}.`);
  throw new UserError(
    existsSync(folder)
      ? `${folder} holds no canonical ${part}.bin: \`npx ciard data import\` makes one of an official archive or folder.`
      : `no data set and no folder is called '${source}'; the data sets are ${datasetNames.join(', ')}`,
  );
};

/**
 * Reads one part of a data set into memory; its length, labels and MD5 are checked on the way.
 *
 * @param source The name of a data set, or a folder that holds one: `train.bin`, `test.bin` and `dataset.json`, or the
 * canonical files of a CIFAR set alone.
 * @throws UserError where it is absent (saying how to get it) or was changed.
 */
export const loadPart = async (source: string, part: Part, options: DatasetOptions = {}): Promise<ImageSet> => {
  const { folder, manifest, remedy } = await find(source, part, options);
  return readPart(folder, manifest, part, remedy);
};

/** What a data set is by content. Of one name there may be several: a part of Tiny-ImageNet and the whole are not the same. */
export interface DatasetIdentity {
  readonly name: DatasetName;
  readonly train: { readonly images: number; readonly md5: string };
  readonly test: { readonly images: number; readonly md5: string };
  /** Whether it is the whole set, judging by the numbers of images. */
  readonly whole: boolean;
}

/** What a manifest states of its data set's contents. */
export const identityOf = ({ name, train, test }: Manifest): DatasetIdentity => ({
  name,
  train: { images: train.records, md5: train.md5 },
  test: { images: test.records, md5: test.md5 },
  whole: train.records === infos[name].trainRecords && test.records === infos[name].testRecords,
});

/**
 * What the data set is that `source` names (as `loadPart` takes it), without reading its images: `loadPart` gives the part
 * that has the MD5 stated here, or throws.
 * @throws UserError where it is absent.
 */
export const datasetIdentity = async (source: string, options: DatasetOptions = {}): Promise<DatasetIdentity> =>
  identityOf((await find(source, 'test', options)).manifest);

/**
 * Reads a data set into memory. `synthetic` is made where it is absent.
 * @throws UserError where it is absent (saying how to get it) or was changed.
 */
export const loadDataset = async (
  name: DatasetName,
  options: DatasetOptions = {},
): Promise<{ train: ImageSet; test: ImageSet }> => ({
  train: await loadPart(name, 'train', options),
  test: await loadPart(name, 'test', options),
});
