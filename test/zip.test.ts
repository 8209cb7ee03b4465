import assert from 'node:assert/strict';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openZip } from '../src/zip.js';
import { zipOf } from './data/build-archives.js';
import { temporaryFolder } from './temporary.js';

const folder = temporaryFolder();

const contentsOf = async (bytes: Uint8Array): Promise<string[]> => {
  const path = join(folder, 'archive.zip');
  await writeFile(path, bytes);
  const file = await open(path);
  try {
    const zip = await openZip(file, bytes.length);
    const found: string[] = [];
    for await (const entry of zip.entries())
      found.push(`${entry.fileName} ${(await zip.read(entry)).toString('utf8')}`);
    return found;
  } finally {
    await file.close();
  }
};

const text = 'some text, some text, some text';
const members = [
  { path: 'stored', contents: Buffer.from(text) },
  { path: 'deflated', contents: Buffer.from(text), deflate: true },
  { path: 'empty', contents: Buffer.alloc(0), deflate: true },
];
const sound = zipOf(members);
const end = sound.length - 22;
const directory = sound.readUInt32LE(end + 16);

test('stored and deflated entries are read', async () => {
  assert.deepEqual(await contentsOf(sound), [`stored ${text}`, `deflated ${text}`, 'empty ']);
});

/** The archive with the end record of the 64-bit form: a record that states where the directory is, a pointer to that. */
const with64 = (directoryAt: bigint, recordAt: bigint): Buffer => {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(members.length), 24);
  record.writeBigUInt64LE(BigInt(members.length), 32);
  record.writeBigUInt64LE(directoryAt, 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(recordAt, 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([sound.subarray(0, end), record, locator, sound.subarray(end)]);
};

/** The archive whose first entry states its place in 64 bits. */
const withEntryAt = (place: bigint): Buffer => {
  const extra = Buffer.alloc(12);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8, 2);
  extra.writeBigUInt64LE(place, 4);
  const afterName = directory + 46 + 'stored'.length;
  const bytes = Buffer.concat([sound.subarray(0, afterName), extra, sound.subarray(afterName)]);
  bytes.writeUInt16LE(extra.length, directory + 30);
  bytes.writeUInt32LE(0xffffffff, directory + 42);
  return bytes;
};

test('the 64-bit form is read', async () => {
  assert.equal((await contentsOf(with64(BigInt(directory), BigInt(end)))).length, 3);
  assert.equal((await contentsOf(withEntryAt(0n))).length, 3);
});

test('places outside the file are errors for who waits, not the end of the process', async () => {
  for (const place of [BigInt(sound.length), 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    await assert.rejects(contentsOf(with64(BigInt(directory), place)), Error);
    await assert.rejects(contentsOf(with64(place, BigInt(end))), Error);
    await assert.rejects(contentsOf(withEntryAt(place)), /refers to 30 bytes from byte|signature/);
  }
  for (const [at, value] of [
    [end + 16, 0xfffffffe],
    [directory + 42, 0xfffffffe],
    [directory + 20, 0x7fffffff],
  ] as const) {
    const bytes = Buffer.from(sound);
    bytes.writeUInt32LE(value, at);
    await assert.rejects(contentsOf(bytes), Error);
  }
});

test('an entry of another size than it states, or of an unknown compression, is refused', async () => {
  const deflated = { path: 'x', contents: Buffer.from(text), deflate: true };
  for (const statedSize of [0, text.length - 1, text.length + 1])
    await assert.rejects(contentsOf(zipOf([{ ...deflated, statedSize }])), Error);
  const bytes = Buffer.from(sound);
  bytes.writeUInt16LE(12, directory + 10);
  await assert.rejects(contentsOf(bytes), /compressed by method 12/);
});
