import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { loadCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { bytesOfTensor, shapeText } from '../../src/checkpoints/state-dict.js';
import type { StateDict } from '../../src/checkpoints/state-dict.js';
import { readTorchFile } from '../../src/checkpoints/torch.js';
import { needsShared, sharedPath } from '../shared.js';
import { withFlippedBit } from './arbitrary.js';
import {
  bytesOf,
  dict,
  floats,
  global,
  integer,
  pickle,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  zipOf,
} from './torch-builder.js';
import type { ZipEntry } from './torch-builder.js';
import { readTorch } from './read-torch.js';

const fixtures = fileURLToPath(new URL('../fixtures/torch/', import.meta.url));

interface ExpectedFile {
  format: string;
  path: string[];
  tensors: Record<string, { dtype: string; shape: number[]; bytes: string }>;
}

/** What PyTorch itself reads in the fixtures: written by make_torch_fixtures.py. */
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  files: Record<string, ExpectedFile>;
  refused: Record<string, string>;
};
const published = JSON.parse(readFileSync(join(fixtures, 'published.json'), 'utf8')) as Record<
  string,
  { tensors: number; sha256: string }
>;

const folder = await mkdtemp(join(tmpdir(), 'ciard-'));
after(() => rm(folder, { recursive: true }));

/** `bytes` as a file. */
const fileOf = async (bytes: Uint8Array, name = 'file.pt'): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};

const plain = (tensors: StateDict) =>
  Object.fromEntries(
    [...tensors].map(([name, t]) => [
      name,
      { dtype: t.dtype, shape: [...t.shape], bytes: Buffer.from(bytesOfTensor(t)).toString('hex') },
    ]),
  );

const refuses = async (bytes: Uint8Array, reason: RegExp): Promise<void> => {
  const path = await fileOf(bytes);
  await assert.rejects(
    readTorch(path),
    (error) => error instanceof UserError && reason.test(error.message) && error.message.includes(path),
    reason.source,
  );
};

for (const [name, { format, path, tensors }] of Object.entries(expected.files))
  test(`${name} reads as PyTorch reads it`, async () => {
    const read = await readTorchFile(join(fixtures, name));
    assert.deepEqual(plain(read.tensors), tensors);
    // The reference writer of safetensors sorts the names.
    if (format !== 'safetensors') assert.deepEqual([...read.tensors.keys()], Object.keys(tensors), 'the order');
    assert.deepEqual([read.format, read.path], [format, path]);
  });

for (const [name, reason] of Object.entries(expected.refused))
  test(`${name} is refused`, async () => {
    await assert.rejects(
      readTorch(join(fixtures, name)),
      (error) => error instanceof UserError && error.message.includes(reason) && error.message.includes(name),
      reason,
    );
    assert.ok(!existsSync('hostile'), 'and its command was not run');
  });

for (const [name, { tensors, sha256 }] of Object.entries(published))
  test(`${name} reads as PyTorch reads it`, { skip: needsShared('checkpoints', name) }, async () => {
    const read = await readTorch(sharedPath('checkpoints', name));
    const hash = createHash('sha256');
    for (const [key, t] of read) hash.update(`${key} ${shapeText(t.shape)}\n`).update(bytesOfTensor(t));
    assert.deepEqual([read.size, hash.digest('hex')], [tensors, sha256]);
  });

test('tied tensors are one tensor, read once', async () => {
  const read = await readTorch(join(fixtures, 'tied.pt'));
  assert.equal(read.get('embedding.weight'), read.get('decoder.weight'));
});

test('a state dict under another key is read when it is named', async () => {
  const file = dict(['state_dict', dict(['a', tensor([1])])], ['ema', dict(['b', tensor([1])])], ['epoch', 'K\x01']);
  const path = await fileOf(torchZip(pickle(file), { 0: floats(2) }));
  assert.deepEqual([...(await readTorch(path)).keys()], ['a']);
  const named = await readTorchFile(path, { key: 'ema' });
  assert.deepEqual([[...named.tensors.keys()], named.path], [['b'], ['ema']]);
  await assert.rejects(
    readTorchFile(path, { key: 'epoch' }),
    /no state dict under 'epoch'\. It has: 'state_dict', 'ema', 'epoch'/,
  );
  await assert.rejects(readTorchFile(join(fixtures, 'reference.safetensors'), { key: 'a' }), /without the key 'a'/);
});

test('prefixes of wrappers are taken off, inside one another too', async () => {
  const file = dict(
    ['module._orig_mod.conv.weight', tensor([1])],
    ['module.module.modules.0', tensor([1])],
    ['bias', tensor([1])],
  );
  const read = await readTorch(await fileOf(torchZip(pickle(file), { 0: floats(2) })));
  assert.deepEqual([...read.keys()], ['conv.weight', 'modules.0', 'bias']);
});

test('any strided view shows what indexing says', async () => {
  const storage = Float32Array.from({ length: 64 }, (_, i) => i);
  const axis = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 5 }));
  await fc.assert(
    fc.asyncProperty(fc.array(axis, { maxLength: 3 }), fc.integer({ min: 0, max: 3 }), async (axes, offset) => {
      const shape = axes.map(([length]) => length);
      const strides = axes.map(([, stride]) => stride);
      let values = [offset];
      for (const [length, stride] of axes)
        values = values.flatMap((from) => Array.from({ length }, (_, i) => from + i * stride));
      const file = pickle(dict(['a', tensor(shape, { strides, offset, size: 64 })]));
      const read = await readTorch(await fileOf(torchZip(file, { 0: floats(...storage) })));
      assert.deepEqual([read.get('a')!.shape, [...(read.get('a')!.data as Float32Array)]], [shape, values]);
    }),
    { numRuns: 60 },
  );
});

test('an archive that is not what PyTorch writes is refused', async () => {
  const data = pickle(dict(['a', tensor([4])]));
  const storage = floats(1, 2, 3, 4);
  const main: ZipEntry = { name: 'archive/data.pkl', data };
  const zeros = new Uint8Array(2 ** 20);
  const cases: [Uint8Array, RegExp][] = [
    // A zip bomb: a megabyte of zeros in a kilobyte, with its true size or a small one claimed.
    [
      zipOf([main, { name: 'archive/data/0', data: deflateRawSync(zeros), method: 8, uncompressedSize: zeros.length }]),
      /'archive\/data\/0' in it is compressed/,
    ],
    [zipOf([main, { name: 'archive/data/0', data: deflateRawSync(zeros), method: 8 }]), /is compressed/],
    [
      zipOf([main, { name: 'archive/data/0', data: storage, claimedSize: 4e9 }]),
      /claim \d+ bytes, and the archive has|damaged/,
    ],
    // Entries on top of one another: the same bytes counted many times.
    [
      zipOf([
        main,
        ...Array.from({ length: 100 }, (_, i) => ({
          name: `archive/data/${i}`,
          data: new Uint8Array(0),
          claimedSize: 9000,
          offset: 0,
        })),
      ]),
      /its files claim \d+ bytes, and the archive has/,
    ],
    [zipOf([main, { name: 'archive/data/0', data: storage, flags: 0x801 }]), /encrypted|damaged/],
    [zipOf([main, { name: 'archive/data/0', data: storage, crc: 1 }]), /checksum of 'archive\/data\/0' is wrong/],
    [
      zipOf([
        { ...main, crc: 1 },
        { name: 'archive/data/0', data: storage },
      ]),
      /checksum of 'archive\/data\.pkl' is wrong/,
    ],
    [zipOf([main, main, { name: 'archive/data/0', data: storage }]), /'archive\/data\.pkl' twice/],
    [zipOf([main, { ...main, name: 'other/data.pkl' }]), /without the one data\.pkl/],
    [zipOf([{ name: 'archive/readme.txt', data }]), /without the one data\.pkl/],
    [zipOf([{ name: '../data.pkl', data }]), /damaged \(/],
    [zipOf([main]), /'archive\/data\/0' is missing/],
    [
      zipOf([main, { name: 'archive/data/0', data: floats(1, 2, 3) }]),
      /'archive\/data\/0' in it has 12 bytes, and its tensors take 16/,
    ],
    [zipOf([main, { name: 'archive/byteorder', data: bytesOf('middle') }]), /byteorder is neither/],
    [zipOf([{ name: 'archive/data.pkl', data: new Uint8Array(17 * 2 ** 20) }]), /its pickle has 17825792 bytes/],
    [zipOf([]), /damaged|neither a file of torch\.save/],
  ];
  for (const [bytes, reason] of cases) await refuses(bytes, reason);
});

test('a legacy file that is not what PyTorch writes is refused', async () => {
  const data = pickle(dict(['a', tensor([4])]));
  const storage = floats(1, 2, 3, 4);
  const sound = torchLegacy(data, { 0: storage });
  assert.deepEqual([...((await readTorch(await fileOf(sound))).get('a')!.data as Float32Array)], [1, 2, 3, 4]);
  const cases: [Uint8Array, RegExp][] = [
    [pickle('K\x01'), /not the magic number/],
    [bytesOf(sound.subarray(0, 15), pickle('M\xea\x03')), /its version is not 1001/],
    [torchLegacy(data, {}), /'0' is missing/],
    [torchLegacy(data, { 0: storage, 1: storage }), /lists a storage that no tensor has/],
    [torchLegacy(data, { 0: floats(1, 2, 3) }), /'0' has 3 elements, and its tensors want 4/],
    [sound.subarray(0, -1), /ends in the middle of the storage '0'/],
    [sound.subarray(0, -17), /ends before the storage '0'/],
    [bytesOf(sound.subarray(0, -24 - 10), pickle('K\x01')), /refused/],
  ];
  for (const [bytes, reason] of cases) await refuses(bytes, reason);
});

test('tensors that claim more than there is are refused', async () => {
  const storages = { 0: floats(1, 2, 3, 4) };
  const one = (t: Uint8Array): Uint8Array => torchZip(pickle(dict(['a', t])), storages);
  await refuses(one(tensor([5], { size: 4 })), /shape \[5\] reaches element 5 of a storage of 4/);
  await refuses(one(tensor([2], { size: 4, offset: 3 })), /reaches element 5 of a storage of 4/);
  await refuses(one(tensor([2, 2], { size: 4, strides: [3, 1] })), /reaches element 5 of a storage of 4/);
  await refuses(one(tensor([2 ** 31 - 1, 2 ** 31 - 1], { size: 4, strides: [2 ** 31 - 1, 1] })), /of a storage of 4/);
  await refuses(one(tensor([4], { size: 4, strides: [-1] })), /arguments that PyTorch never gives/);
  await refuses(one(tensor([-1], { size: 4 })), /arguments that PyTorch never gives/);
  await refuses(one(tensor(new Array<number>(65).fill(1), { size: 4 })), /arguments that PyTorch never gives/);
  // One element shown as 8 GB; and as 40 tensors of 1 MB, each with a shape of its own.
  await refuses(one(tensor([2 ** 31 - 1], { size: 4, strides: [0] })), /claim more than \d+ bytes, and the file has/);
  const many = Array.from(
    { length: 40 },
    (_, i) => [`a${i}`, tensor([2 ** 18 + i], { size: 4, strides: [0] })] as const,
  );
  await refuses(torchZip(pickle(dict(...many)), storages), /claim more than \d+ bytes/);
  const twice = pickle(dict(['a', tensor([4])], ['b', tensor([3])]));
  await refuses(torchZip(twice, storages), /describes the storage '0' in two ways/);
  const v3 = bytesOf(
    global('torch._utils', '_rebuild_tensor_v3'),
    tuple(
      tuple(text('storage'), global('torch.storage', 'UntypedStorage'), text('0'), text('cpu'), integer(16)),
      'Q',
      integer(0),
      tuple(integer(3)),
      tuple(integer(1)),
      '\x89N',
      global('torch', 'uint64'),
    ),
    'R',
  );
  await refuses(one(v3), /shape \[3\] reaches element 3 of a storage of 2/);
});

test('a TorchScript archive is called one, though its code is compressed', async () => {
  const code = {
    name: 'archive/code/m.py',
    data: deflateRawSync(new Uint8Array(1000)),
    method: 8,
    uncompressedSize: 1000,
  };
  const main = { name: 'archive/data.pkl', data: pickle('}') };
  for (const entries of [
    [main, code],
    [code, main],
    [main, { name: 'archive/constants.pkl', data: pickle(')') }],
  ])
    await refuses(
      zipOf(entries),
      /it is a TorchScript archive, which holds code\. In PyTorch: torch\.save\(torch\.jit\.load/,
    );
});

test('a place outside the file in the directory of an archive is refused', async () => {
  const bytes = torchZip(pickle(dict(['a', tensor([1])])), { 0: floats(2) });
  const directory = Buffer.from(bytes).indexOf('PK\x01\x02', 0, 'latin1');
  for (const place of [0x7fffffff, 0xfffffffe, bytes.length]) {
    const broken = Buffer.from(bytes);
    broken.writeUInt32LE(place, directory + 42);
    await refuses(broken, /is damaged \(it refers to 30 bytes from byte/);
  }
});

test('what is no checkpoint is refused', async () => {
  for (const [name, reason] of [
    ['web-page.pt', /is no checkpoint: it is a web page \("Google Drive - Virus scan warning"\)/],
    ['git-lfs-pointer.pt', /is no checkpoint: it is a pointer of Git LFS to a file of 1074564123 bytes/],
  ] as const) {
    const path = join(fixtures, '..', 'stand-ins', name);
    for (const read of [readTorch, loadCheckpoint])
      await assert.rejects(read(path), (error) => error instanceof UserError && reason.test(error.message));
  }
  await refuses(gzipSync('x'), /is compressed with gzip\. Decompress it first: gunzip\./);
  await refuses(bytesOf('\x89HDF\r\n\x1a\n'), /an HDF5 file, as Keras writes them/);
  await refuses(new Uint8Array(0), /is no checkpoint: it is empty/);
  await refuses(
    bytesOf('hello, I am a text file\n'),
    /neither a file of torch\.save nor a safetensors file: it begins with "hello, I am a text file\\n"\.$/,
  );
  await refuses(bytesOf('\x01\x02\xff'), /nor a safetensors file: it begins with the bytes 01 02 ff\.$/);
  await refuses(bytesOf('\x08\x06\x12\x07pytorch\x1a\x031.8'), /is an ONNX file/);
  await refuses(bytesOf("cos\nsystem\n(S'id'\ntR."), /neither .*"os\.system"/);
  await refuses(bytesOf('\x00'.repeat(257), 'ustar', '\x00'.repeat(250)), /tar archive, PyTorch's form before 0\.2/);
  await assert.rejects(
    readTorch(join(folder, 'absent.pt')),
    (e) => e instanceof UserError && e.message.includes('absent.pt'),
  );
  await assert.rejects(readTorch(folder), (e) => e instanceof UserError && e.message.includes('is not a file'));
});

const fuzzed = [
  'zip.pt',
  'protocol-4.pt',
  'views.pt',
  'no-checksums.pt',
  'legacy.pth',
  'tied.pt',
  'reference.safetensors',
];

for (const name of fuzzed) {
  test(`${name} cut anywhere is refused`, { timeout: 120_000 }, async () => {
    const whole = await readFile(join(fixtures, name));
    for (let length = 0; length < whole.length; length += 1 + Math.floor(whole.length / 120))
      await assert.rejects(readTorch(await fileOf(whole.subarray(0, length))), UserError, `${length} bytes`);
  });

  test(
    `${name} with a flipped bit is refused, or read as something of the same kind`,
    { timeout: 120_000 },
    async () => {
      const whole = await readFile(join(fixtures, name));
      const original = plain(await readTorch(join(fixtures, name)));
      const checked = name !== 'no-checksums.pt' && expected.files[name]!.format === 'zip';
      await fc.assert(
        fc.asyncProperty(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (place) => {
          let read: StateDict;
          try {
            read = await readTorch(await fileOf(withFlippedBit(whole, place)));
          } catch (error) {
            if (error instanceof UserError) return;
            throw error;
          }
          // Every byte that matters of an archive has a checksum: what is read is what was written.
          if (checked) assert.deepEqual(plain(read), original);
          else assert.ok(read.size > 0);
        }),
        { numRuns: 150 },
      );
    },
  );
}

test('random bytes behind a sound beginning are refused', { timeout: 120_000 }, async () => {
  const starts = [
    bytesOf('PK\x03\x04'),
    bytesOf('\x80\x02'),
    bytesOf('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'),
    bytesOf(''),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 400 }), async (start, rest) => {
      await assert.rejects(readTorch(await fileOf(bytesOf(start, rest))), UserError);
    }),
    { numRuns: 300 },
  );
});
