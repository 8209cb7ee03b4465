/** Builds pickles and the files around them byte by byte: hostile ones, which no library writes. */
import { crc32 } from 'node:zlib';

type Part = string | Uint8Array | readonly number[];

/** Parts one after the other: text as Latin-1, so that '\x80\x02' is two bytes. */
export const bytesOf = (...parts: readonly Part[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Uint8Array.from(part))),
    ),
  );

const little = (value: number | bigint, length: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes.subarray(0, length);
};

/** BINUNICODE */
export const text = (value: string): Uint8Array => bytesOf('X', little(value.length, 4), value);
/** BININT */
export const integer = (value: number): Uint8Array => bytesOf('J', little(value, 4));
/** GLOBAL */
export const global = (module: string, name: string): Uint8Array => bytesOf(`c${module}\n${name}\n`);
export const tuple = (...items: readonly Part[]): Uint8Array => bytesOf('(', ...items, 't');
export const dict = (...entries: readonly (readonly [string, Part])[]): Uint8Array =>
  bytesOf('}', '(', ...entries.flatMap(([key, value]) => [text(key), value]), 'u');
/** A pickle of protocol 2. */
export const pickle = (...parts: readonly Part[]): Uint8Array => bytesOf('\x80\x02', ...parts, '.');

/** The call that rebuilds a float32 tensor on the storage `key` of `size` elements. */
export const tensor = (
  shape: readonly number[],
  {
    strides,
    key = '0',
    size = shape.reduce((a, b) => a * b, 1),
    offset = 0,
  }: {
    strides?: readonly number[];
    key?: string;
    size?: number;
    offset?: number;
  } = {},
): Uint8Array => {
  const steps = strides ?? shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  return bytesOf(
    global('torch._utils', '_rebuild_tensor_v2'),
    tuple(
      tuple(text('storage'), global('torch', 'FloatStorage'), text(key), text('cpu'), integer(size)),
      'Q',
      integer(offset),
      tuple(...shape.map(integer)),
      tuple(...steps.map(integer)),
      '\x89',
      global('collections', 'OrderedDict'),
      ')R',
    ),
    'R',
  );
};

export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the archive claims in place of the truth. */
  readonly method?: number;
  readonly claimedSize?: number;
  readonly uncompressedSize?: number;
  readonly crc?: number;
  readonly flags?: number;
  /** Where the archive says that it begins, in place of where it does. */
  readonly offset?: number;
}

/** A zip archive, uncompressed. */
export const zipOf = (entries: readonly ZipEntry[]): Uint8Array => {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const entry of entries) {
    const { name, data, method = 0, claimedSize = data.length, crc = crc32(data), flags = 0x800 } = entry;
    const sizes = bytesOf(
      little(crc, 4),
      little(claimedSize, 4),
      little(entry.uncompressedSize ?? claimedSize, 4),
      little(name.length, 2),
    );
    const shared = bytesOf(little(20, 2), little(flags, 2), little(method, 2), [0, 0, 0, 0], sizes);
    directory.push(bytesOf('PK\x01\x02', [20, 0], shared, new Uint8Array(12), little(entry.offset ?? at, 4), name));
    const local = bytesOf('PK\x03\x04', shared, [0, 0], name, data);
    parts.push(local);
    at += local.length;
  }
  const index = bytesOf(...directory);
  const count = little(entries.length, 2);
  return bytesOf(
    ...parts,
    index,
    'PK\x05\x06',
    [0, 0, 0, 0],
    count,
    count,
    little(index.length, 4),
    little(at, 4),
    [0, 0],
  );
};

/** The archive that `torch.save` makes of a pickle and storages. */
export const torchZip = (data: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array =>
  zipOf([
    { name: 'archive/data.pkl', data },
    { name: 'archive/byteorder', data: bytesOf('little') },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, data: bytes })),
  ]);

/** The legacy file that `torch.save` makes of a pickle and storages of float32. */
export const torchLegacy = (data: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array =>
  bytesOf(
    pickle('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'),
    pickle('M\xe9\x03'),
    pickle('}'),
    data,
    pickle('](', ...Object.keys(storages).map(text), 'e'),
    ...Object.values(storages).flatMap((bytes) => [little(bytes.length / 4, 8), bytes]),
  );

export const floats = (...values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
