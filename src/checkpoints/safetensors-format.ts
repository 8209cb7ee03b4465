/**
 * The safetensors format on bytes: 8 bytes that give the length of the header (unsigned, little-endian), the header (JSON:
 * for each name its dtype, shape and place), then the elements of all tensors without a gap. Nothing here needs Node: a
 * browser reads a student with it.
 *
 * Format: https://github.com/huggingface/safetensors#format
 */
import { messageOf, UserError } from '../errors.js';
import { bytesOfTensor, bytesPerElement, shapeText, sizeOfShape, tensorOfBytes } from './state-dict.js';
import type { DType, StateDict, StoredTensor } from './state-dict.js';

/** A safetensors file: its tensors in the header's order, and the header's free text. */
export interface Safetensors {
  readonly tensors: StateDict;
  readonly metadata: Readonly<Record<string, string>>;
}

const codes: Readonly<Record<DType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};
const dtypeOfCode = new Map(Object.entries(codes).map(([dtype, code]) => [code, dtype as DType]));

/** The longest header that the reference implementation takes. */
const headerLimit = 100_000_000;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Whether `bytes`, the beginning of a file, can be a safetensors file's. */
export const looksLikeSafetensors = (bytes: Uint8Array): boolean => {
  if (bytes.length < 10) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(headerLimit) && bytes[8] === '{'.charCodeAt(0);
};

/**
 * The tensors and metadata of a safetensors file's bytes. The tensors share the memory of `bytes` where its alignment
 * allows. `name` stands for the file in messages.
 * @throws UserError where the bytes are truncated or break the format in any way
 */
export const decodeSafetensors = (bytes: Uint8Array, name = 'the safetensors bytes'): Safetensors => {
  const refuse = (reason: string): UserError =>
    new UserError(`${name} is not a sound safetensors file: ${reason}. Get it again or write it anew.`);

  if (bytes.length < 8) throw refuse(`it has ${bytes.length} bytes, less than the 8 that give the header's length`);
  const declared = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (declared > BigInt(headerLimit))
    throw refuse(`its header claims ${declared.toString()} bytes (at most ${headerLimit})`);
  const dataStart = 8 + Number(declared);
  if (dataStart > bytes.length)
    throw refuse(`its header claims ${declared.toString()} bytes and the file ends before that`);
  const data = bytes.subarray(dataStart);

  let header: unknown;
  try {
    header = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, dataStart)),
    );
  } catch (error) {
    throw refuse(`its header is not JSON (${messageOf(error)})`);
  }
  if (!isRecord(header)) throw refuse('its header is not a JSON object');

  const metadata: Record<string, string> = {};
  const tensors = new Map<string, StoredTensor>();
  const places: { key: string; begin: number; end: number }[] = [];
  for (const [key, entry] of Object.entries(header)) {
    if (!isRecord(entry)) throw refuse(`the header's entry '${key}' is not an object`);
    if (key === '__metadata__') {
      for (const [field, text] of Object.entries(entry)) {
        if (typeof text !== 'string') throw refuse(`the metadata's '${field}' is not a string`);
        // Defined, not assigned: a field called __proto__ is text like any other.
        Object.defineProperty(metadata, field, { value: text, enumerable: true, configurable: true, writable: true });
      }
      continue;
    }
    const { dtype: code, shape, data_offsets: offsets } = entry;
    const dtype = typeof code === 'string' ? dtypeOfCode.get(code) : undefined;
    if (!dtype)
      throw refuse(
        `'${key}' has ${code === undefined ? 'no dtype' : `the dtype ${JSON.stringify(code)}`}; known are ${[...dtypeOfCode.keys()].join(', ')}`,
      );
    if (!Array.isArray(shape) || !shape.every(isCount)) throw refuse(`'${key}' has no shape of whole numbers`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
      throw refuse(`'${key}' has no data_offsets of two whole numbers`);
    const [begin, end] = offsets as [number, number];
    if (begin > end || end > data.length)
      throw refuse(`'${key}' lies at bytes ${begin} to ${end}, and the file has ${data.length} bytes of data`);
    const wanted = sizeOfShape(shape) * bytesPerElement(dtype);
    if (wanted !== end - begin)
      throw refuse(`'${key}' is ${dtype} ${shapeText(shape)}, ${wanted} bytes, and has ${end - begin}`);
    places.push({ key, begin, end });
    tensors.set(key, tensorOfBytes(dtype, shape, data.subarray(begin, end)));
  }

  // The format allows neither gaps nor overlaps, so that no byte of a file is hidden and none is read twice.
  let reached = 0;
  for (const { key, begin, end } of places.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== reached) throw refuse(`'${key}' begins at byte ${begin} of the data, and byte ${reached} comes next`);
    reached = end;
  }
  if (reached !== data.length) throw refuse(`it has ${data.length} bytes of data, and its tensors take ${reached}`);
  return { tensors, metadata };
};

/**
 * The pieces of a safetensors file, to be written one after the other: large files need no second copy in memory.
 * The tensors' order is kept in the header; their elements lie with the widest dtype first, because PyTorch reads an int64
 * only at a multiple of 8 bytes.
 * @throws UserError where a tensor's name is the format's own, or its elements do not fill its shape
 */
export const safetensorsPieces = (
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] => {
  for (const [name, tensor] of tensors) {
    if (name === '__metadata__')
      throw new UserError(`A tensor can't be called '__metadata__': the format keeps that name.`);
    if (tensor.data.length !== sizeOfShape(tensor.shape))
      throw new UserError(
        `'${name}' has ${tensor.data.length} elements, and its shape ${shapeText(tensor.shape)} takes ${sizeOfShape(tensor.shape)}.`,
      );
  }
  const byWidth = [...tensors.entries()].sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT, // stable: the order is kept within a width
  );
  const offsets = new Map<string, [number, number]>();
  let end = 0;
  for (const [name, { data }] of byWidth) offsets.set(name, [end, (end += data.byteLength)]);

  const entries: [string, unknown][] = [...tensors.entries()].map(([name, { dtype, shape }]) => [
    name,
    { dtype: codes[dtype], shape, data_offsets: offsets.get(name) },
  ]);
  if (Object.keys(metadata).length > 0) entries.unshift(['__metadata__', metadata]);
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  // Blanks after the JSON bring the data to a multiple of 8 bytes, so that it can be read in place.
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(' '.charCodeAt(0));
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  return [header, ...byWidth.map(([, tensor]) => bytesOfTensor(tensor))];
};
