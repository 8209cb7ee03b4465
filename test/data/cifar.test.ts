import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { cifarSums } from '../../src/data/cifar-sums.js';
import { readCifar } from '../../src/data/cifar.js';
import { hashRecords } from '../../src/data/damage.js';
import { datasetInfo, loadDataset, loadPart } from '../../src/data/datasets.js';
import { importDataset } from '../../src/data/import.js';
import { recordBytes } from '../../src/data/records.js';
import { UserError } from '../../src/errors.js';
import { needsShared, sharedPath } from '../shared.js';
import { takesMinutes } from '../slow.js';
import { tarOf } from './build-archives.js';
import { everythingIn, temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.message, pattern);
  return true;
};

/** Means and standard deviations of the training sets' channels, as the field publishes them. */
const published = {
  cifar10: { means: [0.49139968, 0.48215841, 0.44653091], deviations: [0.24703223, 0.24348513, 0.26158784] },
  cifar100: { means: [0.50707516, 0.48654887, 0.44091784], deviations: [0.26733429, 0.25643846, 0.27615047] },
};
const batches = { cifar10: 'cifar-10-batches-bin', cifar100: 'cifar-100-binary' } as const;

for (const name of ['cifar10', 'cifar100'] as const) {
  const other = name === 'cifar10' ? 'cifar100' : 'cifar10';
  // What the second has of its own is what its layout has, which made-up images show.
  const skip = needsShared('data', 'unpack.mjs') || (name === 'cifar100' && takesMinutes);
  describe(`${name}, the real images`, { skip }, () => {
    const unpacked = join(folder, batches[name]);
    const root = join(folder, `data of ${name}`);
    const { layout, canonical } = datasetInfo(name);
    const each = recordBytes(layout);

    before(() => {
      execFileSync(process.execPath, [sharedPath('data', 'unpack.mjs'), name, folder, '--batches'], { stdio: 'pipe' });
    });

    test('the official layout in mixed order, as a folder: the canonical files', async () => {
      const manifest = await importDataset(name, folder, { root });
      assert.equal(manifest.train.md5, canonical!.train);
      assert.equal(manifest.test.md5, canonical!.test);
      assert.deepEqual(everythingIn(root), [name, `${name}/dataset.json`, `${name}/test.bin`, `${name}/train.bin`]);
      const names = name === 'cifar10' ? 'batches.meta.txt' : 'fine_label_names.txt';
      assert.deepEqual(manifest.classes, readFileSync(join(unpacked, names), 'utf8').trim().split('\n'));
    });

    test('the same as an archive, from the folder itself, and from canonical files', async () => {
      // One set compressed as the official archives are; the other plain, which takes less time.
      const gzip = name === 'cifar10' ? { level: 1 } : false;
      const archive = join(folder, `${name}.${gzip === false ? 'tar' : 'tar.gz'}`);
      await create({ file: archive, cwd: folder, gzip }, [batches[name]]);
      assert.equal((await importDataset(name, archive, { root: join(folder, 'again') })).train.md5, canonical!.train);
      await readCifar(name, unpacked);
      await readCifar(name, join(root, name));
    });

    test('read back: counts, balance, and the published means and deviations of the channels', async () => {
      const { train, test: held } = await loadDataset(name, { root });
      for (const [set, records] of [
        [train, 50_000],
        [held, 10_000],
      ] as const) {
        assert.equal(set.length, records);
        assert.equal(set.labels.length, records);
        assert.equal(set.pixels.length, records * 3072);
        const counts = set.classes.map(() => 0);
        for (const label of set.labels) counts[label]!++;
        assert.ok(counts.every((count) => count === records / layout.classes));
      }
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        let squares = 0;
        for (let i = 0; i < train.length; i++) {
          for (let k = 0; k < 1024; k++) {
            const byte = train.pixels[i * 3072 + c * 1024 + k]!;
            sum += byte;
            squares += byte * byte;
          }
        }
        const count = train.length * 1024;
        const mean = sum / count;
        assert.ok(Math.abs(mean / 255 - published[name].means[c]!) < 1e-8);
        assert.ok(Math.abs(Math.sqrt(squares / count - mean * mean) / 255 - published[name].deviations[c]!) < 1e-8);
      }
    });

    test('the sums that locate damage are those of the canonical records', () => {
      for (const part of ['train', 'test'] as const) {
        const { sums } = hashRecords(readFileSync(join(root, name, `${part}.bin`)), layout);
        assert.deepEqual({ classes: sums.map((pair) => pair.map(Number)) }, cifarSums[name][part]);
      }
    });

    test('a folder of canonical files without dataset.json is a data set too', async () => {
      const bare = join(folder, `bare ${name}`);
      mkdirSync(bare);
      cpSync(join(root, name, 'test.bin'), join(bare, 'test.bin'));
      const held = await loadPart(bare, 'test');
      assert.equal(held.name, name);
      assert.equal(held.md5, canonical!.test);
      await assert.rejects(loadPart(bare, 'train'), refused(/holds no canonical train\.bin/));
      if (name === 'cifar100') {
        await assert.rejects(
          loadPart(unpacked, 'test'),
          refused(/If these are the official files, `npx ciard data import cifar100/),
        );
      }
    });

    test('damage is named by file and byte, and nothing appears', async () => {
      const file = join(unpacked, name === 'cifar10' ? 'data_batch_3.bin' : 'train.bin');
      const empty = join(folder, `nothing of ${name}`);
      mkdirSync(empty);
      const at = 4711 * each + layout.headBytes + 1500;
      const withByte = async (offset: number, change: (byte: number) => number, pattern: RegExp): Promise<void> => {
        const handle = openSync(file, 'r+');
        const byte = Buffer.alloc(1);
        readSync(handle, byte, 0, 1, offset);
        const right = byte[0]!;
        writeSync(handle, Buffer.from([change(right)]), 0, 1, offset);
        try {
          await assert.rejects(importDataset(name, folder, { root: empty }), refused(pattern));
        } finally {
          writeSync(handle, Buffer.from([right]), 0, 1, offset);
          closeSync(handle);
        }
        assert.deepEqual(everythingIn(empty), []);
      };
      const base = file.replace(/^.*\//, '').replace('.', '\\.');
      await withByte(
        at,
        (byte) => byte ^ 64,
        new RegExp(`${base}: corrupt: byte ${at} \\(record 4711\\) is \\d+, wanted \\d+`),
      );
      const label = 4711 * each + layout.headBytes - 1;
      await withByte(
        label,
        () => layout.classes,
        new RegExp(`${base}: byte ${label} \\(label of record 4711\\) is ${layout.classes}`),
      );
      if (name === 'cifar10') {
        await withByte(
          label,
          (byte) => (byte + 1) % 10,
          new RegExp(`${base}: mislabelled: byte ${label} \\(record 4711\\)`),
        );
      } else {
        await withByte(
          label - 1,
          (byte) => (byte + 1) % 20,
          new RegExp(`${base}: byte ${label - 1} \\(coarse label of record 4711\\)`),
        );
      }
    });

    test('files of the other set are refused, and which set they are is said', async () => {
      const given = readFileSync(join(unpacked, name === 'cifar10' ? 'test_batch.bin' : 'test.bin'));
      const path = join(folder, `${name} as ${other}.tar`);
      writeFileSync(
        path,
        tarOf([{ path: `x/${other === 'cifar10' ? 'test_batch.bin' : 'test.bin'}`, contents: given }]),
      );
      await assert.rejects(
        readCifar(other, path),
        refused(new RegExp(`the size of a file of ${datasetInfo(name).title}, not of`)),
      );
      await assert.rejects(readCifar(other, join(root, name)), refused(/the size of a file of/));
      if (name === 'cifar10')
        await assert.rejects(readCifar(other, unpacked), refused(/It holds CIFAR-10: `npx ciard data import cifar10/));
    });

    test('a data set that was changed after its import is refused when it is read', async () => {
      const path = join(root, name, 'test.bin');
      const handle = openSync(path, 'r+');
      const byte = Buffer.alloc(1);
      readSync(handle, byte, 0, 1, 1000);
      writeSync(handle, Buffer.from([byte[0]! ^ 1]), 0, 1, 1000);
      closeSync(handle);
      await assert.rejects(
        loadDataset(name, { root }),
        refused(/test\.bin: MD5 .*: other contents than it should have\. Remove/),
      );
    });
  });
}

/** Records of CIFAR-10 with labels in range; what they show is noise. */
const noise = (records: number): Buffer =>
  Buffer.alloc(records * 3073, Buffer.concat([Buffer.from([3]), Buffer.alloc(3072, 77)]));

const cifar10Members = () => {
  const contents = noise(10_000);
  return ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'].map((file) => ({
    path: `cifar-10-batches-bin/${file}.bin`,
    contents,
  }));
};

const archiveOf = (name: string, bytes: Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

test('images that are not those of the set are refused, though sizes and labels fit', async () => {
  const path = archiveOf('noise.tar', tarOf(cifar10Members()));
  await assert.rejects(
    readCifar('cifar10', path),
    refused(/these are not the train images of CIFAR-10 \(canonical MD5/),
  );
});

test('truncated: the byte where it ends, of a record, of an archive, of its gzip data', async () => {
  const short = archiveOf('short.tar', tarOf([{ path: 'data_batch_2.bin', contents: noise(9_999).subarray(0, -5) }]));
  await assert.rejects(
    readCifar('cifar10', short),
    refused(/data_batch_2\.bin: truncated: it ends at byte 30726922, in record 9998; wanted 30730000/),
  );
  const whole = tarOf([{ path: 'cifar-10-batches-bin/data_batch_1.bin', contents: noise(10_000) }]);
  const cut = archiveOf('cut.tar', whole.subarray(0, 10_000_000));
  await assert.rejects(readCifar('cifar10', cut), refused(/cut\.tar: no sound tar archive near byte 10000000/));
  const zipped = gzipSync(whole, { level: 1 });
  const half = archiveOf('half.tar.gz', zipped.subarray(0, Math.floor(zipped.length / 2)));
  await assert.rejects(
    readCifar('cifar10', half),
    refused(/half\.tar\.gz: the gzip data ends too early \(truncated\) at or before byte/),
  );
});

test('a flipped byte of the gzip data is noticed', async () => {
  const zipped = gzipSync(tarOf([{ path: 'data_batch_1.bin', contents: noise(10_000) }]), { level: 1 });
  zipped[Math.floor(zipped.length / 2)]! ^= 0xff;
  await assert.rejects(readCifar('cifar10', archiveOf('flipped.tar.gz', zipped)), refused(/flipped\.tar\.gz/));
});

test('a file that goes on after its last record is refused', async () => {
  const long = archiveOf('long.tar', tarOf([{ path: 'test_batch.bin', contents: noise(10_001) }]));
  await assert.rejects(readCifar('cifar10', long), refused(/test_batch\.bin: goes on after byte 30730000, its end/));
});

test('missing files are listed, and the version for Python is told apart', async () => {
  const some = archiveOf('some.tar', tarOf(cifar10Members().slice(0, 2)));
  await assert.rejects(
    readCifar('cifar10', some),
    refused(
      /data_batch_3\.bin, data_batch_4\.bin, data_batch_5\.bin, test_batch\.bin missing; wanted CIFAR-10's binary version/,
    ),
  );
  const python = archiveOf(
    'python.tar',
    tarOf([{ path: 'cifar-10-batches-py/data_batch_1', contents: Buffer.alloc(9) }]),
  );
  await assert.rejects(
    readCifar('cifar10', python),
    refused(/version for Python; wanted the binary version, cifar-10-binary\.tar\.gz/),
  );
  await assert.rejects(readCifar('cifar10', join(folder, 'nowhere')), refused(/no such file or folder/));
  const page = archiveOf('page.tar.gz', Buffer.from('<!doctype html><title>Not found</title>'));
  await assert.rejects(
    readCifar('cifar10', page),
    refused(/page\.tar\.gz is no archive: it is a web page \("Not found"\)/),
  );
  const nothing = archiveOf('nothing', Buffer.alloc(0));
  await assert.rejects(readCifar('cifar10', nothing), refused(/nothing is no archive: it is empty/));
  assert.ok(existsSync(nothing));
});

test('a folder around what is wanted, or around the version for Python, gets a hint', async () => {
  /** A folder with these files, all empty: what they are called is what is looked at. */
  const around = (name: string, files: readonly string[]): string => {
    const at = join(folder, name);
    for (const file of files) {
      mkdirSync(dirname(join(at, file)), { recursive: true });
      writeFileSync(join(at, file), '');
    }
    return at;
  };
  const batches10 = cifar10Members().map(({ path }) => path);
  const cases: readonly (readonly ['cifar10' | 'cifar100', string, RegExp])[] = [
    // What torchvision makes, its own folder, and the one above.
    [
      'cifar10',
      around('root', ['cifar-10-batches-py/data_batch_1']),
      /version for Python; wanted .*: `npx ciard data fetch cifar10`/,
    ],
    ['cifar10', around('above', ['root/cifar-10-batches-py/data_batch_1']), /version for Python/],
    ['cifar10', around('packed', ['cifar-10-python.tar.gz']), /version for Python/],
    ['cifar100', around('root100', ['cifar-100-python/train']), /version for Python; wanted .*cifar-100-binary/],
    [
      'cifar10',
      around(
        'deep',
        batches10.map((path) => `a/${path}`),
      ),
      /in a folder of it: `npx ciard data import cifar10 .*deep\/a\/cifar-10-batches-bin`/,
    ],
    [
      'cifar10',
      around('kept', ['a/cifar-10-binary.tar.gz']),
      /It holds the archive: `npx ciard data import cifar10 .*kept\/a\/cifar-10-binary\.tar\.gz`/,
    ],
    [
      'cifar100',
      around('other', batches10),
      /It holds CIFAR-10: `npx ciard data import cifar10 .*other\/cifar-10-batches-bin`/,
    ],
    ['cifar100', around('empty', ['x/y']), /wanted CIFAR-100's binary version \(cifar-100-binary\)\.$/],
  ];
  for (const [name, path, pattern] of cases) await assert.rejects(readCifar(name, path), refused(pattern));
});
