import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { importDataset } from '../../src/data/import.js';
import type { DatasetName } from '../../src/data/names.js';
import { createRng } from '../../src/random.js';
import { fuzz, fuzzBudget, mutated } from '../mutations.js';
import { everythingIn, temporaryFolder } from '../temporary.js';
import { tarOf, zipOf } from './build-archives.js';

const count = fuzzBudget(80);

/** Puts the right checksums into the headers of a tar archive, where blocks look like headers: mutations get past them. */
const withRightSums = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes);
  for (let at = 0; at + 512 <= copy.length; at += 512) {
    if (copy.toString('latin1', at + 257, at + 262) !== 'ustar') continue;
    copy.fill(' ', at + 148, at + 156);
    const sum = copy.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  }
  return copy;
};

describe('mutated archives are imported or refused with one error, and nothing is left half-written', () => {
  const folder = temporaryFolder();
  const given = join(folder, 'given');
  const root = join(folder, 'data');
  let members: { path: string; contents: Buffer }[];

  before(async () => {
    const rng = createRng(1);
    const jpeg = (): Promise<Buffer> =>
      sharp(
        Uint8Array.from({ length: 64 * 64 * 3 }, () => rng.integer(256)),
        { raw: { width: 64, height: 64, channels: 3 } },
      )
        .jpeg({ quality: 30 })
        .toBuffer();
    members = [
      { path: 'wnids.txt', contents: Buffer.from('n00000010\nn00000020\n') },
      { path: 'words.txt', contents: Buffer.from('n00000010\tcrane, bird\nn00000020\tgoldfish\n') },
      { path: 'train/n00000010/images/n00000010_0.JPEG', contents: await jpeg() },
      { path: 'train/n00000010/n00000010_boxes.txt', contents: Buffer.from('n00000010_0.JPEG\t0\t0\t63\t63\n') },
      { path: 'train/n00000020/images/n00000020_0.JPEG', contents: await jpeg() },
      { path: 'val/images/val_0.JPEG', contents: await jpeg() },
      { path: 'val/n00000020/val_1.JPEG', contents: await jpeg() },
      { path: 'val/val_annotations.txt', contents: Buffer.from('val_0.JPEG\tn00000010\t0\t0\t63\t63\n') },
    ].map(({ path, contents }) => ({ path: `tiny-imagenet-200/${path}`, contents }));
  });

  /** Nothing but the given file, and a whole data set where it was accepted. */
  const check = (accepted: boolean): void => {
    const set = ['data', 'tiny-imagenet', 'dataset.json', 'test.bin', 'train.bin'];
    const found = everythingIn(folder).map((path) => path.replace(/^.*\//, ''));
    if (accepted) assert.deepEqual(found.sort(), [...set, 'given'].sort());
    else
      assert.ok(
        found.every((name) => name === 'given' || name === 'data'),
        found.join(),
      );
  };
  const imported = async (bytes: Uint8Array, name: DatasetName = 'tiny-imagenet'): Promise<void> => {
    await rm(root, { recursive: true, force: true });
    writeFileSync(given, bytes);
    await importDataset(name, given, { root });
  };

  test('the sound one is imported', async () => {
    for (const bytes of [tarOf(members), gzipSync(tarOf(members)), zipOf(members)]) {
      await imported(bytes);
      check(true);
    }
  });

  test('tar, with the right checksums or without', async () => {
    const sources = [tarOf(members), tarOf([{ path: './', type: 'Directory' }, ...members])];
    await fuzz(
      'tar',
      count,
      (rng) => {
        const bytes = mutated(rng, sources);
        return imported(rng.uniform() < 0.5 ? bytes : withRightSums(bytes));
      },
      check,
    );
  });

  test('tar.gz, damaged as it lies there or before it was compressed', async () => {
    const tar = tarOf(members);
    const sources = [gzipSync(tar), gzipSync(tar, { level: 0 })];
    await fuzz(
      'tar.gz',
      count,
      (rng) =>
        imported(
          rng.uniform() < 0.5 ? mutated(rng, sources) : gzipSync(withRightSums(mutated(rng, [tar])), { level: 1 }),
        ),
      check,
    );
  });

  test('zip', async () => {
    const sources = [zipOf(members), zipOf(members.map((member) => ({ ...member, deflate: true })))];
    await fuzz('zip', count, (rng) => imported(mutated(rng, sources)), check);
  });

  test('images and lists in a sound zip', async () => {
    await fuzz(
      'zip members',
      count,
      (rng) => {
        const chosen = rng.integer(members.length);
        const changed = members.map(({ path, contents }, i) => ({
          path,
          contents: i === chosen ? mutated(rng, [contents, members[rng.integer(members.length)]!.contents]) : contents,
          deflate: rng.uniform() < 0.5,
        }));
        return imported(zipOf(changed));
      },
      check,
    );
  });

  test("archives of CIFAR's files", async () => {
    const files = ['data_batch_1.bin', 'test_batch.bin', 'train.bin', 'batches.meta.txt'].map((file) => ({
      path: `cifar-10-batches-bin/${file}`,
      contents: Buffer.alloc(3073, 3),
    }));
    const sources = [
      tarOf(files),
      gzipSync(tarOf(files)),
      zipOf(files),
      // Little that claims to be much.
      zipOf(files.map((file) => ({ ...file, deflate: true, statedSize: 30_730_000 }))),
      gzipSync(tarOf(files.map((file) => ({ ...file, statedSize: 30_730_000 })))),
      deflateRawSync(tarOf(files)),
    ];
    await fuzz(
      'cifar',
      count,
      (rng) => imported(mutated(rng, sources), rng.uniform() < 0.5 ? 'cifar10' : 'cifar100'),
      check,
    );
  });
});
