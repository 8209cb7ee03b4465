import fc from 'fast-check';
import { bytesPerElement, sizeOfShape, tensorOfBytes } from '../../src/checkpoints/state-dict.js';
import type { DType, StateDict, StoredTensor } from '../../src/checkpoints/state-dict.js';

const dtypes: readonly DType[] = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];

const tensor: fc.Arbitrary<StoredTensor> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const length = sizeOfShape(shape) * bytesPerElement(dtype);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => tensorOfBytes(dtype, shape, bytes));
  });

/** Names and tensors of every dtype and of up to four dimensions, empty and scalar ones among them. */
export const stateDict: fc.Arbitrary<StateDict> = fc
  .uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), tensor), { selector: ([name]) => name, maxLength: 8 })
  .map((entries) => new Map(entries.filter(([name]) => name !== '__metadata__')));

/** `bytes` with the bit at a place between 0 and 1 (the end, exclusive) turned. */
export const withFlippedBit = (bytes: Uint8Array, place: number): Uint8Array => {
  const bit = Math.floor(place * 8 * bytes.length);
  const result = bytes.slice();
  result[bit >> 3]! ^= 1 << (bit & 7);
  return result;
};
