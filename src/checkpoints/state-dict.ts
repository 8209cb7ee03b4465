import { UserError } from '../errors.js';

/** The array that holds the elements of a tensor on file. float16 and bfloat16 are kept as their 16 bits. */
interface ArrayOf {
  float64: Float64Array;
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint64: BigUint64Array;
  uint32: Uint32Array;
  uint16: Uint16Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** The element types that are read and written, by PyTorch's names. */
export type DType = keyof ArrayOf;

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>;

export const dtypes = Object.keys(arrays) as readonly DType[];

/**
 * A tensor as it lies on file: contiguous, row-major, in PyTorch's layout (a convolution's weight is
 * [out, in, height, width], a linear layer's [out, in]). Read-only: several names may share one tensor.
 */
export type StoredTensor = {
  [D in DType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: ArrayOf[D] };
}[DType];

/** Named tensors in the file's order: what PyTorch calls a state dict. */
export type StateDict = ReadonlyMap<string, StoredTensor>;

/** The bytes of one element. */
export const bytesPerElement = (dtype: DType): number => arrays[dtype].BYTES_PER_ELEMENT;

/** The number of elements of a tensor of this shape; 1 for a scalar, whose shape is []. */
export const sizeOfShape = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);

/** The shape as PyTorch prints it. */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** `bytes` with the order of the bytes inside each element turned round. */
const swapped = (bytes: Uint8Array, elementSize: number): Uint8Array => {
  const result = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++)
    result[i] = bytes[i - (i % elementSize) + elementSize - 1 - (i % elementSize)]!;
  return result;
};

/**
 * The tensor whose elements are `bytes`. Shares their memory where alignment and byte order allow, else copies.
 * @throws RangeError where the bytes do not fill the shape: callers check what comes from a file
 */
export const tensorOfBytes = (
  dtype: DType,
  shape: readonly number[],
  bytes: Uint8Array,
  { littleEndian = true }: { littleEndian?: boolean } = {},
): StoredTensor => {
  const elementSize = bytesPerElement(dtype);
  const size = sizeOfShape(shape);
  if (bytes.length !== size * elementSize)
    throw new RangeError(`${bytes.length} bytes for ${dtype} ${shapeText(shape)}, which takes ${size * elementSize}`);
  const ordered = littleEndian === hostIsLittleEndian || elementSize === 1 ? bytes : swapped(bytes, elementSize);
  // Not `slice`: a Buffer's shares the memory.
  const aligned = ordered.byteOffset % elementSize === 0 ? ordered : Uint8Array.from(ordered);
  const data = new arrays[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, size);
  return { dtype, shape, data } as StoredTensor;
};

/** The elements of `tensor` as little-endian bytes. Shares the tensor's memory on a little-endian machine. */
export const bytesOfTensor = ({ dtype, data }: StoredTensor): Uint8Array => {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return hostIsLittleEndian ? bytes : swapped(bytes, bytesPerElement(dtype));
};

/** A float32 tensor; `data` is not copied. */
export const float32Tensor = (shape: readonly number[], data: Float32Array): StoredTensor => {
  if (data.length !== sizeOfShape(shape))
    throw new UserError(`${data.length} values do not fill a tensor of shape ${shapeText(shape)}.`);
  return { dtype: 'float32', shape, data };
};

/** The bits of a float32, and the float32 of these bits. */
const asFloat = new Float32Array(1);
const asBits = new Uint32Array(asFloat.buffer);

/** The value of a float16 (1 sign, 5 exponent, 10 fraction bits; IEEE 754-2008). A float32 holds each of them exactly. */
const ofFloat16 = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
};

/** The value of a bfloat16: the upper half of a float32. */
const ofBFloat16 = (bits: number): number => {
  asBits[0] = bits << 16;
  return asFloat[0]!;
};

/**
 * The elements of `tensor` as float32: float16 and bfloat16 widened exactly, float64 and whole numbers rounded to the
 * nearest float32. A float32 tensor's own array is returned, not a copy.
 */
export const float32Of = (tensor: StoredTensor): Float32Array => {
  switch (tensor.dtype) {
    case 'float32':
      return tensor.data;
    case 'float16':
      return Float32Array.from(tensor.data, ofFloat16);
    case 'bfloat16':
      return Float32Array.from(tensor.data, ofBFloat16);
    case 'int64':
    case 'uint64':
      return Float32Array.from(tensor.data as ArrayLike<bigint>, Number);
    default:
      return Float32Array.from(tensor.data);
  }
};
