import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { execa } from 'execa';
import { datasetInfo, datasetNames } from '../../src/data/datasets.js';
import { dataRoot, repositoryRoot } from '../../src/data/location.js';
import { inCanonicalOrder, recordBytes } from '../../src/data/records.js';
import { writeDataset } from '../../src/data/store.js';
import { dvc, dvcCommit, dvcExecutable, type DvcOptions } from '../../src/dvc/dvc.js';
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
      'outs:\n- path: data/mnist/train.bin\n  md5: 00000000000000000000000000000000\n  size: 1\n  cache: false\n',
      /'data\/mnist\/train\.bin' is no file of a data set/,
    ],
    [
      'outs:\n- path: data/cifar10/train.bin\n  md5: 00000000000000000000000000000000\n  size: 1\n',
      /outs\.0\.cache: wanted is "cache: false"/,
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
  const write = async (train: number, seed: number) => {
    const rng = createRng(seed);
    const records = (count: number): Buffer =>
      inCanonicalOrder(
        Buffer.from(Uint8Array.from({ length: count * recordBytes(layout) }, () => rng.integer(3))),
        layout,
      );
    const manifest = await writeDataset(
      join(root, 'data', 'tiny-imagenet'),
      layout,
      { train: [records(train)], test: [records(2)] },
      { name: 'tiny-imagenet', classes: ['a', 'b', 'c'] },
    );
    return manifest;
  };
  const verified = async () => {
    const [outcome] = await verifyData(['tiny-imagenet'], options);
    return outcome!;
  };

  before(async () => {
    ({ root, options } = await createDvcRepository(folder));
    await write(4, 1);
    const files = ['train.bin', 'test.bin', 'dataset.json'].map(
      (file) => `- path: data/tiny-imagenet/${file}\n  cache: false\n`,
    );
    writeFileSync(join(root, 'data.dvc'), `outs:\n${files.join('')}`);
    await dvcCommit(['data.dvc'], options);
  });

  test('what is pinned is verified, and is not copied to the cache', async () => {
    const outcome = await verified();
    assert.equal(outcome.state, 'verified');
    assert.match(
      outcome.message,
      /^4 training and 2 test images \(a part of the whole set's 100000 and 10000\), as pinned$/,
    );
    assert.ok(!existsSync(join(root, '.dvc', 'cache')));
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

  test('what is there of another selection is pinned by the command that is told, though other sets are absent', async () => {
    const own = await createDvcRepository(folder);
    root = own.root;
    options = own.options;
    await write(4, 1);
    const pin = (name: string, file: string, md5: string, size: number): string =>
      `- path: data/${name}/${file}\n  md5: ${md5}\n  size: ${size}\n  hash: md5\n  cache: false\n`;
    const files = ['train.bin', 'test.bin', 'dataset.json'];
    const other = 'a'.repeat(32);
    writeFileSync(
      join(root, 'data.dvc'),
      `# kept\nouts:\n${['cifar10', 'tiny-imagenet'].flatMap((name) => files.map((file) => pin(name, file, other, 1))).join('')}`,
    );
    const { state, message } = await verified();
    assert.equal(state, 'changed');
    const [, args] = /or pin what is there: `(?:.*&& )?\S+\/bin\/dvc (add [^`]+)`$/.exec(message)!;
    await dvc(args!.split(' '), options);
    assert.equal((await verified()).state, 'verified');
    const text = readFileSync(join(root, 'data.dvc'), 'utf8');
    assert.match(text, /^# kept/);
    assert.ok(text.includes(`data/cifar10/train.bin\n  md5: ${other}`));
    rmSync(join(root, 'data', 'tiny-imagenet', 'test.bin'));
    assert.doesNotMatch((await verified()).message, /or pin what is there/);
  });

  test('a checkout without git, as an unpacked ZIP is: verified, and pinned by the command that is told', async () => {
    root = mkdtempSync(join(folder, 'zip-'));
    options = { root, siteCache: join(folder, 'zip-site') };
    cpSync(join(repositoryRoot(), '.dvc', 'config'), join(root, '.dvc', 'config'));
    const manifest = await write(4, 1);
    const text = readFileSync(join(root, 'data', 'tiny-imagenet', 'dataset.json'));
    const pins = [
      ['train.bin', manifest.train.md5, manifest.train.bytes],
      ['test.bin', manifest.test.md5, manifest.test.bytes],
      ['dataset.json', createHash('md5').update(text).digest('hex'), text.length],
    ] as const;
    const lines = pins.map(
      ([file, md5, size]) =>
        `- path: data/tiny-imagenet/${file}\n  md5: ${md5}\n  size: ${size}\n  hash: md5\n  cache: false\n`,
    );
    writeFileSync(join(root, 'data.dvc'), `outs:\n${lines.join('')}`);
    assert.equal((await verified()).state, 'verified');
    await write(5, 2);
    const { state, message } = await verified();
    assert.equal(state, 'changed');
    const [, command] = /or pin what is there: `([^`]+)`$/.exec(message)!;
    // As a user does it, without our wrapper: the program's place is that of the checkout that has it.
    await execa('sh', ['-c', command!.replaceAll(/\S+\/bin\/dvc/g, `'${dvcExecutable()}'`)], {
      cwd: root,
      env: { DVC_NO_ANALYTICS: '1', DVC_SITE_CACHE_DIR: join(folder, 'zip-site') },
    });
    assert.equal((await verified()).state, 'verified');
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
