import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { parse } from 'yaml';
import { datasetIdentity, loadDataset } from '../../src/data/datasets.js';
import { importDataset } from '../../src/data/import.js';
import { repositoryRoot } from '../../src/data/location.js';
import { readTinyImageNet } from '../../src/data/tiny-imagenet.js';
import { UserError } from '../../src/errors.js';
import { createRng } from '../../src/random.js';
import { needsShared, sharedPath } from '../shared.js';
import { takesMinutes } from '../slow.js';
import { zipOf } from './build-archives.js';
import { everythingIn, temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const rng = createRng(1);

const jpeg = (channels: 1 | 3, width = 64, height = 64): Promise<Buffer> => {
  const base = rng.integer(200);
  const raw = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => base + (Math.floor(i / channels / width) % 56),
  );
  const image = sharp(raw, { raw: { width, height, channels } });
  return (channels === 1 ? image.toColourspace('b-w') : image).jpeg({ quality: 90 }).toBuffer();
};

/** A small set in the official layout: three classes, two training and one validation image each. */
const files = new Map<string, Buffer>([
  ['wnids.txt', Buffer.from('n00000030\nn00000010\nn00000020\n')],
  [
    'words.txt',
    Buffer.from('n00000010\tcrane, bird\nn00000020\tcrane, machine\nn00000030\tgoldfish\nn99999999\tother\n'),
  ],
]);
const annotations: string[] = [];
for (const [k, wnid] of ['n00000010', 'n00000020', 'n00000030'].entries()) {
  for (const i of [0, 1]) files.set(`train/${wnid}/images/${wnid}_${i}.JPEG`, await jpeg(k === 1 && i === 1 ? 1 : 3));
  files.set(
    `train/${wnid}/${wnid}_boxes.txt`,
    Buffer.from(`${wnid}_0.JPEG\t0\t0\t63\t63\n${wnid}_1.JPEG\t1\t1\t62\t62\n`),
  );
  files.set(`val/images/val_${k}.JPEG`, await jpeg(3));
  annotations.push(`val_${k}.JPEG\t${wnid}\t0\t0\t63\t63`);
}
files.set('val/val_annotations.txt', Buffer.from(`${annotations.join('\n')}\n`));
files.set('test/images/test_0.JPEG', Buffer.from('never read'));

type Change = Readonly<Record<string, Buffer | undefined>>;

let made = 0;
/** Writes the small set, changed, as a folder and as a zip. */
const written = (change: Change = {}): string[] => {
  const changed = new Map<string, Buffer | undefined>([...files, ...Object.entries(change)]);
  const root = join(folder, `set-${made++}`);
  const members: { path: string; contents: Buffer }[] = [];
  for (const [path, contents] of changed) {
    if (!contents) continue;
    const at = join(root, 'tiny-imagenet-200', path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, contents);
    members.push({ path: `tiny-imagenet-200/${path}`, contents });
  }
  writeFileSync(`${root}.zip`, zipOf(members));
  return [root, join(root, 'tiny-imagenet-200'), `${root}.zip`];
};

test('folder and zip give the same records: labels by ascending identifier, planes, canonical order', async () => {
  const [around, inside, zip] = written();
  const expected = await readTinyImageNet(inside!);
  assert.deepEqual(await readTinyImageNet(around!), expected);
  assert.deepEqual(await readTinyImageNet(zip!), expected);
  assert.deepEqual(expected.wnids, ['n00000010', 'n00000020', 'n00000030']);
  assert.deepEqual(expected.classes, ['crane (n00000010)', 'crane (n00000020)', 'goldfish']);
  assert.deepEqual(
    expected.train.map((record) => record[0]),
    [0, 0, 1, 1, 2, 2],
  );
  assert.deepEqual(
    expected.test.map((record) => record[0]),
    [0, 1, 2],
  );
  for (const records of [expected.train, expected.test]) {
    for (let i = 1; i < records.length; i++) assert.ok(Buffer.compare(records[i - 1]!, records[i]!) <= 0);
  }
  const { data } = await sharp(files.get('val/images/val_2.JPEG')).raw().toBuffer({ resolveWithObject: true });
  const record = expected.test[2]!;
  assert.equal(record.length, 1 + 3 * 64 * 64);
  for (let i = 0; i < 4096; i++) {
    for (let c = 0; c < 3; c++) assert.equal(record[1 + c * 4096 + i], data[3 * i + c]);
  }
});

test('a grey image becomes three equal planes', async () => {
  const [, inside] = written();
  const { train } = await readTinyImageNet(inside!);
  const equalPlanes = train.filter(
    (record) =>
      record.subarray(1, 4097).equals(record.subarray(4097, 8193)) &&
      record.subarray(1, 4097).equals(record.subarray(8193)),
  );
  const grey = sharp(files.get('train/n00000020/images/n00000020_1.JPEG'));
  assert.equal((await grey.metadata()).channels, 1);
  const data = await grey.toColourspace('b-w').raw().toBuffer();
  assert.ok(equalPlanes.some((record) => record[0] === 1 && record.subarray(1, 4097).equals(data)));
});

/** The set with its validation images moved. */
const moved = (to: (file: string, wnid: string) => string, more: Change = {}): Change => ({
  ...Object.fromEntries(
    annotations.flatMap((line) => {
      const [file, wnid] = line.split('\t') as [string, string];
      return [
        [`val/images/${file}`, undefined],
        [to(file, wnid), files.get(`val/images/${file}`)!],
      ];
    }),
  ),
  ...more,
});

test('validation images that are sorted into classes give the same records, with the list or without it', async () => {
  const [, published] = written();
  const expected = await readTinyImageNet(published!);
  for (const to of [
    (file: string, wnid: string) => `val/${wnid}/${file}`,
    (file: string, wnid: string) => `val/${wnid}/images/${file}`,
  ]) {
    for (const more of [{}, { 'val/val_annotations.txt': undefined }]) {
      const [, inside, zip] = written(moved(to, more));
      for (const path of [inside!, zip!]) assert.deepEqual(await readTinyImageNet(path), expected);
    }
  }
});

test('what macOS adds is passed over', async () => {
  const [, published] = written();
  const expected = await readTinyImageNet(published!);
  const shadow = Buffer.from('0005160700020000', 'hex');
  const added: Change = {
    '.DS_Store': shadow,
    '._wnids.txt': shadow,
    'train/n00000010/images/._n00000010_0.JPEG': shadow,
    'train/n00000010/._n00000010_boxes.txt': shadow,
    'val/images/._val_1.JPEG': shadow,
    '__MACOSX/train/n00000010/images/n00000010_8.JPEG': shadow,
  };
  const [, inside, zip] = written(added);
  for (const path of [inside!, zip!]) assert.deepEqual(await readTinyImageNet(path), expected);
});

for (const name of ['F12-val-by-class.zip', 'F12-appledouble.zip'])
  test(`${name} is read`, { skip: needsShared('cases', name) }, async () => {
    const { train, test: held, wnids } = await readTinyImageNet(sharedPath('cases', name));
    assert.deepEqual([train.length, held.length, wnids.length], [200, 20, 2]);
  });

const someJpeg = files.get('train/n00000010/images/n00000010_0.JPEG')!;
/** A JPEG whose header states 65,000 rows and columns. */
const enlarged = (of: Buffer): Buffer => {
  const copy = Buffer.from(of);
  const frame = copy.indexOf(Buffer.from('ffc0', 'hex'));
  copy.writeUInt16BE(65_000, frame + 5);
  copy.writeUInt16BE(65_000, frame + 7);
  return copy;
};
const wrong: readonly [string, Change, RegExp][] = [
  [
    'a truncated JPEG',
    { 'val/images/val_1.JPEG': files.get('val/images/val_1.JPEG')!.subarray(0, -60) },
    /val_1\.JPEG: a broken JPEG/,
  ],
  [
    'no JPEG',
    { 'val/images/val_1.JPEG': Buffer.from('GIF89a') },
    /val_1\.JPEG: no JPEG: wanted the bytes ffd8 at byte 0, found 4749/,
  ],
  ['an empty JPEG', { 'val/images/val_1.JPEG': Buffer.alloc(0) }, /val_1\.JPEG: no JPEG.*found nothing/],
  ['another size', { 'val/images/val_1.JPEG': await jpeg(3, 32, 64) }, /val_1\.JPEG: 32 × 64 pixels, wanted 64 × 64/],
  [
    'a class that is not listed',
    { 'train/n00000099/images/n00000099_0.JPEG': someJpeg },
    /class n00000099 is not in wnids\.txt/,
  ],
  [
    'an image in the folder of another class',
    { 'train/n00000020/images/n00000010_7.JPEG': someJpeg },
    /name says class n00000010, its folder n00000020: mislabelled/,
  ],
  [
    'a training image that a list names and that is missing',
    { 'train/n00000020/images/n00000020_0.JPEG': undefined },
    /n00000020_boxes\.txt: line 1: image n00000020_0\.JPEG is missing/,
  ],
  [
    'a validation image that is missing',
    { 'val/images/val_1.JPEG': undefined },
    /val_annotations\.txt: line 2: image val_1\.JPEG is missing/,
  ],
  [
    'a validation image without a label',
    { 'val/images/val_9.JPEG': someJpeg },
    /val_9\.JPEG has no line in val_annotations\.txt/,
  ],
  [
    'a label that is none',
    { 'val/val_annotations.txt': Buffer.from(annotations.join('\n').replace('n00000020', 'n00000077')) },
    /line 2: class 'n00000077' of val_1\.JPEG is not in wnids\.txt/,
  ],
  [
    'two labels of one image',
    { 'val/val_annotations.txt': Buffer.from([...annotations, annotations[0]!].join('\n')) },
    /line 4: val_0\.JPEG is there twice/,
  ],
  [
    'a validation image in the folder of another class than the list says',
    moved((file) => `val/n00000010/${file}`),
    /val_[12]\.JPEG: its folder says class n00000010, .*val_annotations\.txt: line [23] says n000000[23]0: mislabelled/,
  ],
  [
    'a validation folder of a class that is not listed',
    moved((file) => `val/n00000099/${file}`, { 'val/val_annotations.txt': undefined }),
    /class n00000099 is not in wnids\.txt/,
  ],
  [
    'the same validation image in two places',
    { 'val/n00000020/val_1.JPEG': files.get('val/images/val_1.JPEG')! },
    /val_1\.JPEG is there twice/,
  ],
  [
    'an image that states more pixels than there is memory for',
    { 'val/images/val_1.JPEG': enlarged(files.get('val/images/val_1.JPEG')!) },
    /val_1\.JPEG: more than 1048576 pixels, wanted 64 × 64/,
  ],
  ['no annotations', { 'val/val_annotations.txt': undefined }, /val_annotations\.txt missing/],
  ['no list of classes', { 'wnids.txt': undefined }, /wnids\.txt missing/],
  ['a class listed twice', { 'wnids.txt': Buffer.from('n00000010\nn00000010\n') }, /line 2: n00000010 is there twice/],
  [
    'a list of something else',
    { 'wnids.txt': Buffer.from('airplane\n') },
    /line 1: 'airplane' is no WordNet identifier/,
  ],
];
for (const [what, change, pattern] of wrong) {
  test(`refused, and nothing appears: ${what}`, async () => {
    const root = join(folder, 'empty');
    mkdirSync(root, { recursive: true });
    const [, inside, zip] = written(change);
    for (const path of [inside!, zip!]) {
      await assert.rejects(importDataset('tiny-imagenet', path, { root }), (error) => {
        assert.ok(error instanceof UserError, String(error));
        assert.match(error.message, pattern);
        return true;
      });
    }
    assert.deepEqual(everythingIn(root), []);
  });
}

test('imported and read back: counts and classes of a part are recorded', async () => {
  const root = join(folder, 'data');
  const [, inside] = written();
  const manifest = await importDataset('tiny-imagenet', inside, { root });
  assert.equal(manifest.train.records, 6);
  const identity = await datasetIdentity('tiny-imagenet', { root });
  assert.deepEqual([identity.train.images, identity.whole], [6, false]);
  const { train, test: held } = await loadDataset('tiny-imagenet', { root });
  assert.deepEqual([train.length, held.length, train.height, train.width], [6, 3, 64, 64]);
  assert.deepEqual([identity.train.md5, identity.test.md5], [train.md5, held.md5]);
  assert.deepEqual(train.classes, ['crane (n00000010)', 'crane (n00000020)', 'goldfish']);
  assert.deepEqual([...held.labels], [0, 1, 2]);
  rmSync(join(root, 'tiny-imagenet', 'test.bin'));
  await assert.rejects(loadDataset('tiny-imagenet', { root }), /test\.bin: 0 bytes, wanted 36867 \(3 records\)/);
});

test(
  'the real 200-class part: what data.dvc pins',
  { skip: needsShared('data', 'tiny-imagenet-200-subset.zip') || takesMinutes },
  async () => {
    const root = join(folder, 'real');
    const manifest = await importDataset('tiny-imagenet', sharedPath('data', 'tiny-imagenet-200-subset.zip'), { root });
    assert.equal(manifest.classes.length, 200);
    const { outs } = parse(readFileSync(join(repositoryRoot(), 'data.dvc'), 'utf8')) as {
      outs: { path: string; md5: string }[];
    };
    for (const part of ['train', 'test'] as const) {
      assert.equal(manifest[part].md5, outs.find(({ path }) => path === `data/tiny-imagenet/${part}.bin`)?.md5);
    }
  },
);
