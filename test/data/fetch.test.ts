import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { fetchDataset } from '../../src/data/fetch.js';
import { UserError } from '../../src/errors.js';
import { serveArchive } from './archive-server.js';
import { tarOf, zipOf } from './build-archives.js';
import { everythingIn, temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const md5Of = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');
const fast = { pause: 1, patience: 2000, attempts: 2 };

const jpeg = await sharp(Buffer.alloc(64 * 64 * 3, 90), { raw: { width: 64, height: 64, channels: 3 } })
  .jpeg()
  .toBuffer();
/** A part of Tiny-ImageNet of one class in the official layout. */
const archive = zipOf(
  Object.entries({
    'wnids.txt': Buffer.from('n00000010\n'),
    'train/n00000010/images/n00000010_0.JPEG': jpeg,
    'val/images/val_0.JPEG': jpeg,
    'val/val_annotations.txt': Buffer.from('val_0.JPEG\tn00000010\t0\t0\t1\t1\n'),
  }).map(([path, contents]) => ({ path: `tiny-imagenet-200/${path}`, contents })),
);
const imported = ['tiny-imagenet/dataset.json', 'tiny-imagenet/test.bin', 'tiny-imagenet/train.bin'];
const filesIn = (root: string): string[] => everythingIn(root).filter((path) => /\.\w+$/.test(path));

test('fetched, checked, imported; the archive goes unless it is to be kept', async () => {
  const server = await serveArchive(archive);
  const options = { ...fast, addresses: [server.address], md5: md5Of(archive) };
  const root = join(folder, 'plain');
  const manifest = await fetchDataset('tiny-imagenet', { ...options, root });
  assert.deepEqual([manifest.train.records, manifest.test.records], [1, 1]);
  assert.deepEqual(filesIn(root), imported);
  await fetchDataset('tiny-imagenet', { ...options, root, keep: true });
  assert.deepEqual(filesIn(root), ['downloads/tiny-imagenet-200.zip', ...imported]);
  await fetchDataset('tiny-imagenet', { ...options, root });
  assert.equal(server.requests.length, 2, 'an archive that is there whole is not fetched again');
});

test('an archive of another MD5 than the published one is refused, where only that proves it', async () => {
  const server = await serveArchive(archive);
  const root = join(folder, 'tiny');
  await assert.rejects(
    fetchDataset('tiny-imagenet', { ...fast, root, addresses: [server.address] }),
    (error) =>
      error instanceof UserError &&
      error.message.includes(`MD5 ${md5Of(archive)}, wanted 90528d7ca1a48142e341f4ef8d21d0de`),
  );
  assert.deepEqual(filesIn(root), []);
});

test('CIFAR from another address: its contents decide, and a wrong archive is not kept', async () => {
  const wrong = tarOf([{ path: 'cifar-10-batches-bin/test_batch.bin', contents: Buffer.alloc(3073) }]);
  const server = await serveArchive(wrong);
  const root = join(folder, 'cifar');
  await assert.rejects(
    fetchDataset('cifar10', { ...fast, root, addresses: [server.address] }),
    (error) => error instanceof UserError && error.message.includes('test_batch.bin: truncated: it ends at byte 3073'),
  );
  await assert.rejects(
    fetchDataset('cifar10', { ...fast, root, addresses: [server.address], md5: '0'.repeat(32) }),
    (error) => error instanceof UserError && error.message.includes(`MD5 ${md5Of(wrong)}, wanted 0000`),
  );
  assert.deepEqual(filesIn(root), []);
});

test('synthetic is made, not fetched', async () => {
  const root = join(folder, 'synthetic');
  const { train } = await fetchDataset('synthetic', { root });
  assert.equal(train.records, 5000);
  assert.ok(!existsSync(join(root, 'downloads')));
});
