import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readManifest } from '../../src/data/manifest.js';
import type { RecordLayout } from '../../src/data/records.js';
import { sweepLeftovers, writeDataset } from '../../src/data/store.js';
import { UserError } from '../../src/errors.js';
import { writerMark } from '../../src/writer.js';
import { everythingIn, temporaryFolder } from '../temporary.js';

const root = temporaryFolder();
const layout: RecordLayout = { headBytes: 1, height: 1, width: 1, classes: 10 };
const described = { name: 'synthetic', classes: ['a', 'b'] } as const;
const write = (folder: string, byte: number, options: { keep?: boolean } = {}) =>
  writeDataset(
    folder,
    layout,
    { train: Array.from({ length: 1000 }, () => Buffer.alloc(4, byte)), test: [Buffer.alloc(8, byte)] },
    { name: described.name, classes: [...described.classes] },
    options,
  );
const whole = (name: string): string[] => [name, `${name}/dataset.json`, `${name}/test.bin`, `${name}/train.bin`];

test('a data set appears whole, with its manifest, and replaces the one before', async () => {
  const at = join(root, 'replaced');
  mkdirSync(at);
  const folder = join(at, 'x');
  const first = await write(folder, 1);
  assert.deepEqual(first.train, { records: 1000, bytes: 4000, md5: first.train.md5 });
  assert.deepEqual(first.test.records, 2);
  assert.deepEqual(await readManifest(folder), first);
  assert.deepEqual(readFileSync(join(folder, 'train.bin')), Buffer.alloc(4000, 1));
  await write(folder, 2);
  assert.deepEqual(readFileSync(join(folder, 'train.bin')), Buffer.alloc(4000, 2));
  assert.deepEqual(everythingIn(at), whole('x'));
});

test('the same records give the same three files', async () => {
  const at = join(root, 'same');
  await write(join(at, 'x'), 7);
  await write(join(at, 'y'), 7);
  for (const file of ['train.bin', 'test.bin', 'dataset.json']) {
    assert.deepEqual(readFileSync(join(at, 'x', file)), readFileSync(join(at, 'y', file)));
  }
});

test('many writers at the same time leave one whole data set; with keep, the first stays', async () => {
  const at = join(root, 'many');
  await Promise.all(Array.from({ length: 6 }, (_, i) => write(join(at, 'x'), i, { keep: true })));
  assert.deepEqual(everythingIn(at), whole('x'));
  const { train } = await readManifest(join(at, 'x'));
  await write(join(at, 'x'), 99, { keep: true });
  assert.deepEqual((await readManifest(join(at, 'x'))).train, train);
});

test('what fails while it is written leaves nothing, and the old data set as it was', async () => {
  const at = join(root, 'failing');
  const folder = join(at, 'x');
  await write(folder, 1);
  const failing = function* (): Generator<Buffer> {
    yield Buffer.alloc(4);
    throw new UserError('a broken piece');
  };
  await assert.rejects(
    writeDataset(
      folder,
      layout,
      { train: failing(), test: [] },
      { name: described.name, classes: [...described.classes] },
    ),
    /a broken piece/,
  );
  assert.deepEqual(everythingIn(at), whole('x'));
  assert.deepEqual(readFileSync(join(folder, 'train.bin')), Buffer.alloc(4000, 1));
});

test('what a killed process left is swept away, or brought back where it is the only copy', async () => {
  const at = join(root, 'swept');
  mkdirSync(at);
  // A process that has ended, and one that was given this one's number later.
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const living = writerMark();
  const [machine, pid, start] = living.split('-') as [string, string, string];
  const elsewhere = `${machine === '00000000' ? '11111111' : '00000000'}-${gone}-${start}-00112233`;
  const leave = (name: string, hours = 0): void => {
    mkdirSync(join(at, name));
    writeFileSync(join(at, name, 'train.bin'), name);
    const then = Date.now() / 1000 - hours * 3600;
    utimesSync(join(at, name), then, then);
  };
  leave(`x.part-${machine}-${gone}-${start}-00112233`);
  leave(`x.part-${machine}-${pid}-${Number(start) - 1}-00112233`);
  leave(`x.old-${machine}-${gone}-${start}-00112233`);
  leave(`x.part-${living}`, 100);
  leave(`x.part-${elsewhere}`, 20);
  leave(`x.part-${elsewhere.replace(/3$/, '4')}`, 30);
  leave(`y.part-${machine}-${gone}-${start}-00112233`);
  await sweepLeftovers(join(at, 'x'));
  assert.deepEqual(
    everythingIn(at).filter((path) => !path.endsWith('.bin')),
    ['x', `x.part-${elsewhere}`, `x.part-${living}`, `y.part-${machine}-${gone}-${start}-00112233`].sort(),
  );
  assert.equal(readFileSync(join(at, 'x', 'train.bin'), 'utf8'), `x.old-${machine}-${gone}-${start}-00112233`);
});

test('a link to a folder elsewhere stays, and the data set goes there', async () => {
  const at = join(root, 'linked');
  mkdirSync(join(at, 'disk', 'x'), { recursive: true });
  mkdirSync(join(at, 'data'));
  symlinkSync(join(at, 'disk', 'x'), join(at, 'data', 'x'));
  await write(join(at, 'data', 'x'), 3);
  assert.ok(lstatSync(join(at, 'data', 'x')).isSymbolicLink());
  assert.deepEqual(everythingIn(join(at, 'disk')), whole('x'));
  assert.deepEqual(readdirSync(join(at, 'data')), ['x']);
});

test('a manifest that is none is refused, naming the field', async () => {
  const folder = join(root, 'manifest');
  const whole = await write(folder, 1);
  for (const [text, pattern] of [
    ['{', /is missing or is no JSON/],
    [JSON.stringify({ ...whole, name: 'mnist' }), /dataset\.json: name:/],
    [JSON.stringify({ ...whole, train: { ...whole.train, md5: 'x' } }), /dataset\.json: train\.md5:/],
    [JSON.stringify({ ...whole, format: 2 }), /dataset\.json: format:/],
  ] as const) {
    writeFileSync(join(folder, 'dataset.json'), text);
    await assert.rejects(readManifest(folder), (error) => error instanceof UserError && pattern.test(error.message));
  }
});

test('a place that cannot be written to: one error that says so', async () => {
  const file = join(root, 'file');
  writeFileSync(file, 'a file');
  await assert.rejects(
    write(join(file, 'x'), 1),
    (error) =>
      error instanceof UserError && error.message.includes('cannot be written: a file lies where a folder should'),
  );
  assert.equal(readFileSync(file, 'utf8'), 'a file');
});
