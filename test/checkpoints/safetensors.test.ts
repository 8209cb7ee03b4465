import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { readSafetensors, writeSafetensors } from '../../src/checkpoints/safetensors.js';
import { decodeSafetensors, safetensorsPieces, type Safetensors } from '../../src/checkpoints/safetensors-format.js';
import { bytesOfTensor, float32Tensor } from '../../src/checkpoints/state-dict.js';
import { needsShared, sharedPath } from '../shared.js';
import { stateDict, withFlippedBit } from './arbitrary.js';

/** A safetensors file's bytes. */
const encodeSafetensors = (...given: Parameters<typeof safetensorsPieces>): Uint8Array =>
  Uint8Array.from(Buffer.concat(safetensorsPieces(...given)));

/** Tensors as bytes: NaNs of every kind compare. */
const comparable = ({ tensors, metadata }: Safetensors) => ({
  metadata,
  tensors: new Map(
    [...tensors].map(([name, t]) => [name, { dtype: t.dtype, shape: t.shape, bytes: bytesOfTensor(t) }]),
  ),
});

/** A file of this header and so many bytes of data. */
const fileOf = (header: unknown, dataBytes = 0): Uint8Array => {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
};

/** The outcome of reading damaged bytes: a sound file, or a refusal. Any other error is a failure of the test. */
const readsOrRefuses = (bytes: Uint8Array): void => {
  try {
    decodeSafetensors(bytes);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
};

test('what is written is read: every dtype and shape, any name, any metadata', () => {
  const metadata = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(stateDict, metadata, (tensors, text) => {
      assert.deepEqual(
        comparable(decodeSafetensors(encodeSafetensors(tensors, text))),
        comparable({ tensors, metadata: text }),
      );
    }),
  );
});

test('the order of the names is kept, and every element lies at a multiple of its size', () => {
  const tensors = new Map([
    ['b', float32Tensor([1], Float32Array.of(1))],
    ['n', { dtype: 'int64', shape: [], data: BigInt64Array.of(7n) } as const],
    ['a', { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) } as const],
  ]);
  const bytes = encodeSafetensors(tensors);
  assert.deepEqual([...decodeSafetensors(bytes).tensors.keys()], ['b', 'n', 'a']);
  const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength))) as Record<string, unknown>;
  assert.deepEqual(header, {
    b: { dtype: 'F32', shape: [1], data_offsets: [8, 12] },
    n: { dtype: 'I64', shape: [], data_offsets: [0, 8] },
    a: { dtype: 'U8', shape: [3], data_offsets: [12, 15] },
  });
  assert.equal((8 + headerLength) % 8, 0);
});

test('a file cut at any byte is refused', () => {
  const bytes = encodeSafetensors(new Map([['weight', float32Tensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))]]), {
    a: 'b',
  });
  for (let length = 0; length < bytes.length; length++)
    assert.throws(() => decodeSafetensors(bytes.subarray(0, length)), UserError, `${length} bytes`);
});

test('a flipped bit anywhere is read or refused, never an accident', () => {
  fc.assert(
    fc.property(stateDict, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (tensors, place) => {
      readsOrRefuses(withFlippedBit(encodeSafetensors(tensors), place));
    }),
    { numRuns: 500 },
  );
});

test('random bytes and random headers are read or refused, never an accident', () => {
  fc.assert(fc.property(fc.uint8Array(), readsOrRefuses));
  fc.assert(
    fc.property(fc.json(), fc.nat(64), (json, dataBytes) => {
      readsOrRefuses(fileOf(json, dataBytes));
    }),
  );
});

test('an unsound file is refused with its reason', () => {
  const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(3), /has 3 bytes, less than the 8/],
    [Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 123), /header claims 18446744073709551615 bytes \(at most/],
    [Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0, 123), /header claims 64 bytes and the file ends before that/],
    [fileOf('{"a":'), /header is not JSON/],
    [fileOf([]), /header is not a JSON object/],
    [fileOf({ a: 3 }), /entry 'a' is not an object/],
    [fileOf({ __metadata__: { a: 3 } }), /metadata's 'a' is not a string/],
    [fileOf({ a: { ...f32(0, 4), dtype: 'F8_E4M3' } }, 4), /'a' has the dtype "F8_E4M3"; known are F64/],
    [fileOf({ a: f32(0, 4, [-1]) }, 4), /'a' has no shape of whole numbers/],
    [fileOf({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4), /'a' is float32 \[1099511627776, 1099511627776\]/],
    [fileOf({ a: { ...f32(0, 4), data_offsets: [0] } }, 4), /'a' has no data_offsets/],
    [fileOf({ a: f32(0, 8) }, 4), /'a' lies at bytes 0 to 8, and the file has 4/],
    [fileOf({ a: f32(0, 4, [2]) }, 4), /'a' is float32 \[2\], 8 bytes, and has 4/],
    [fileOf({ a: f32(0, 4), b: f32(8, 12) }, 12), /'b' begins at byte 8 of the data, and byte 4 comes next/],
    [fileOf({ a: f32(0, 8), b: f32(4, 12) }, 12), /'b' begins at byte 4 of the data, and byte 8 comes next/],
    [fileOf({ a: f32(0, 4) }, 8), /has 8 bytes of data, and its tensors take 4/],
  ];
  for (const [bytes, message] of cases)
    assert.throws(
      () => decodeSafetensors(bytes, 'net.safetensors'),
      (error: unknown) =>
        error instanceof UserError &&
        message.test(error.message) &&
        error.message.startsWith('net.safetensors is not a sound'),
      String(message),
    );
});

test('a tensor that contradicts itself, and the reserved name, are not written', () => {
  assert.throws(
    () => encodeSafetensors(new Map([['a', { dtype: 'uint8', shape: [2], data: Uint8Array.of(1) }]])),
    new UserError(`'a' has 1 elements, and its shape [2] takes 2.`),
  );
  assert.throws(() => encodeSafetensors(new Map([['__metadata__', float32Tensor([], Float32Array.of(1))]])), UserError);
});

test('files: written and read again; an absent, damaged or unwritable one is an error that names it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ciard-'));
  try {
    const path = join(folder, 'a.safetensors');
    const tensors = new Map([['weight', float32Tensor([2], Float32Array.of(1, 2))]]);
    await writeSafetensors(path, tensors, { text: 'ä' });
    assert.deepEqual(comparable(await readSafetensors(path)), comparable({ tensors, metadata: { text: 'ä' } }));
    await writeFile(join(folder, 'cut.safetensors'), encodeSafetensors(tensors).subarray(0, 40));
    await assert.rejects(readSafetensors(join(folder, 'cut.safetensors')), /cut\.safetensors is not a sound/);
    await assert.rejects(
      readSafetensors(join(folder, 'none')),
      (e) => e instanceof UserError && e.message.includes('none'),
    );
    await assert.rejects(
      writeSafetensors(join(folder, 'no', 'b'), tensors),
      (e) => e instanceof UserError && e.message.includes('no/b'),
    );
    assert.deepEqual((await readdir(folder)).sort(), ['a.safetensors', 'cut.safetensors']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('files of another writer are read', { skip: needsShared('oracle', 'attacks.safetensors') }, async () => {
  const { tensors } = await readSafetensors(sharedPath('oracle', 'attacks.safetensors'));
  const logits = tensors.get('akamaster-resnet20-12fca82f.th/logits');
  assert.deepEqual([logits?.dtype, logits?.shape], ['float32', [256, 10]]);
});

test('data that does not lie at a multiple of its size is read all the same', () => {
  // A header of 7 more bytes than the writer's, and a Buffer, whose slices share its memory.
  const tensors = new Map([['a', float32Tensor([3], Float32Array.of(1, 2, 3))]]);
  const sound = Buffer.from(encodeSafetensors(tensors));
  const header = sound.subarray(8, 8 + Number(sound.readBigUInt64LE(0)));
  for (const blanks of [1, 2, 3, 5, 7]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length + blanks));
    const moved = Buffer.concat([length, header, Buffer.alloc(blanks, ' '), sound.subarray(8 + header.length)]);
    assert.deepEqual(comparable(decodeSafetensors(moved)), comparable({ tensors, metadata: {} }));
  }
});
