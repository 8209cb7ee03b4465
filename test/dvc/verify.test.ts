import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { datasetInfo, datasetNames } from '../../src/data/datasets.js';
import { dataRoot, repositoryRoot } from '../../src/data/location.js';
import { inCanonicalOrder, recordBytes } from '../../src/data/records.js';
import { writeDataset } from '../../src/data/store.js';
import { dvcCommit, type DvcOptions } from '../../src/dvc/dvc.js';
import { readPins } from '../../src/dvc/pins.js';
import { verifyData } from '../../src/dvc/verify.js';
import { UserError } from '../../src/errors.js';
import { createRng } from '../../src/random.js';
import { createDvcRepository, needsDvc } from './dvc-repository.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();

test('data.dvc pins three files of every data set, and of CIFAR the files that are known', async () => {
  const pins = await readPins(repositoryRoot());
  for (const name of datasetNames) {
    const { canonical, trainRecords, layout } = datasetInfo(name);
    const own = pins.filter(({ dataset }) => dataset === name);
    assert.deepEqual(own.map(({ file }) => file).sort(), ['dataset.json', 'test.bin', 'train.bin']);
    if (!canonical) continue;
    const train = own.find(({ file }) => file === 'train.bin')!;
    assert.equal(train.md5, canonical.train);
    assert.equal(train.bytes, trainRecords * recordBytes(layout));
    assert.equal(own.find(({ file }) => file === 'test.bin')!.md5, canonical.test);
  }
});

test('pins that are none are refused, naming the field', async () => {
  const root = temporaryFolder();
  await assert.rejects(
    readPins(root),
    (error) => error instanceof UserError && error.message.includes('git checkout data.dvc'),
  );
  for (const [text, pattern] of [
    ['outs:\n- path: data/cifar10/train.bin\n', /outs\.0\.md5/],
    [
      'outs:\n- path: data/mnist/train.bin\n  md5: 00000000000000000000000000000000\n  size: 1\n',
      /'data\/mnist\/train\.bin' is no file of a data set/,
    ],
    ['nothing: here\n', /outs/],
  ] as const) {
    writeFileSync(join(root, 'data.dvc'), text);
    await assert.rejects(readPins(root), (error) => error instanceof UserError && pattern.test(error.message));
  }
});

describe('with DVC', { skip: needsDvc }, () => {
  let root: string;
  let options: DvcOptions;
  const { layout } = datasetInfo('tiny-imagenet');
  const write = async (train: number, seed: number): Promise<void> => {
    const rng = createRng(seed);
    const records = (count: number): Buffer =>
      inCanonicalOrder(
        Buffer.from(Uint8Array.from({ length: count * recordBytes(layout) }, () => rng.integer(3))),
        layout,
      );
    await writeDataset(
      join(root, 'data', 'tiny-imagenet'),
      layout,
      { train: [records(train)], test: [records(2)] },
      { name: 'tiny-imagenet', classes: ['a', 'b', 'c'] },
    );
  };
  const verified = async () => {
    const [outcome] = await verifyData(['tiny-imagenet'], options);
    return outcome!;
  };

  before(async () => {
    ({ root, options } = await createDvcRepository(folder));
    await write(4, 1);
    const files = ['train.bin', 'test.bin', 'dataset.json'].map((file) => `- path: data/tiny-imagenet/${file}\n`);
    writeFileSync(join(root, 'data.dvc'), `outs:\n${files.join('')}`);
    await dvcCommit(['data.dvc'], options);
  });

  test('what is pinned is verified, with or without the cache', async () => {
    const outcome = await verified();
    assert.equal(outcome.state, 'verified');
    assert.match(
      outcome.message,
      /^4 training and 2 test images \(a part of the whole set's 100000 and 10000\), as pinned$/,
    );
    rmSync(join(root, '.dvc', 'cache'), { recursive: true });
    assert.equal((await verified()).state, 'verified');
  });

  test('one flipped byte is found, though size and times are as before', async () => {
    const path = join(root, 'data', 'tiny-imagenet', 'train.bin');
    const right = readFileSync(path);
    const { atime, mtime } = statSync(path);
    const wrong = Buffer.from(right);
    wrong[20_000]! ^= 1;
    writeFileSync(path, wrong);
    utimesSync(path, atime, mtime);
    const outcome = await verified();
    assert.equal(outcome.state, 'changed');
    assert.match(
      outcome.message,
      /data\/tiny-imagenet\/train\.bin differs from what data\.dvc pins; remove .* get it again/,
    );
    assert.deepEqual(
      outcome.files.map(({ state }) => state),
      ['changed', 'verified', 'verified'],
    );
    writeFileSync(path, right);
    assert.equal((await verified()).state, 'verified');
  });

  test('a missing file is a change, another selection is called one, and nothing at all is absent', async () => {
    const own = join(root, 'data', 'tiny-imagenet');
    rmSync(join(own, 'test.bin'));
    const broken = await verified();
    assert.equal(broken.state, 'changed');
    assert.match(broken.message, /test\.bin is missing/);
    await write(6, 2);
    const other = await verified();
    assert.equal(other.state, 'changed');
    assert.match(other.message, /it holds 6 training and 2 test images, data\.dvc pins 4 training and 2 test images/);
    rmSync(own, { recursive: true });
    const absent = await verified();
    assert.equal(absent.state, 'absent');
    assert.match(absent.message, /^not here; `npx ciard data fetch tiny-imagenet` downloads it/);
  });

  test('a data set of which data.dvc says nothing', async () => {
    const [outcome] = await verifyData(['cifar10'], options);
    assert.deepEqual([outcome!.state, outcome!.message], ['absent', 'data.dvc pins nothing of it']);
  });

  test('this checkout: no data set that is here differs from its pin', async () => {
    for (const { dataset, state, message } of await verifyData()) {
      const there = existsSync(join(dataRoot(), dataset));
      assert.equal(state, there ? 'verified' : 'absent', `${dataset}: ${message}`);
    }
  });
});
