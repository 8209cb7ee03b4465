import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { bytesOfTensor, float32Of, float32Tensor, tensorOfBytes } from '../../src/checkpoints/state-dict.js';

test('float16 widens to the values of IEEE 754', () => {
  const known: [number, number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24], // smallest subnormal
    [0x03ff, 1023 * 2 ** -24], // largest subnormal
    [0x0400, 2 ** -14], // smallest normal
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e00, NaN],
  ];
  const data = Uint16Array.from(known, ([bits]) => bits);
  assert.deepEqual(
    [...float32Of({ dtype: 'float16', shape: [known.length], data })],
    known.map(([, value]) => value),
  );
});

test('float16 rises with its bits over all finite positive values', () => {
  const values = float32Of({
    dtype: 'float16',
    shape: [0x7c01],
    data: Uint16Array.from({ length: 0x7c01 }, (_, i) => i),
  });
  for (let i = 1; i < values.length; i++) assert.ok(values[i]! > values[i - 1]!, `bits ${i}`);
});

test('bfloat16 is the upper half of a float32', () => {
  const data = Uint16Array.of(0x3f80, 0xc049, 0x0001, 0x7f80, 0x8000);
  assert.deepEqual([...float32Of({ dtype: 'bfloat16', shape: [5], data })], [1, -3.140625, 2 ** -133, Infinity, -0]);
});

test('float64 and whole numbers are rounded to the nearest float32', () => {
  assert.deepEqual(
    [...float32Of({ dtype: 'float64', shape: [2], data: Float64Array.of(0.1, 1e300) })],
    [Math.fround(0.1), Infinity],
  );
  assert.deepEqual(
    [...float32Of({ dtype: 'int64', shape: [2], data: BigInt64Array.of(-3n, 16777217n) })],
    [-3, 16777216],
  );
  assert.deepEqual([...float32Of({ dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) })], [0, 1]);
});

test('a float32 tensor is not copied', () => {
  const data = Float32Array.of(1, 2);
  assert.equal(float32Of(float32Tensor([2], data)), data);
});

test('values that do not fill the shape are refused', () => {
  assert.throws(
    () => float32Tensor([2, 2], Float32Array.of(1)),
    new UserError('1 values do not fill a tensor of shape [2, 2].'),
  );
});

test('bytes of either order and any alignment give the same tensor', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true })), fc.integer({ min: 0, max: 7 }), (values, shift) => {
      const little = new Uint8Array(shift + 8 * values.length);
      const big = new Uint8Array(shift + 8 * values.length);
      values.forEach((value, i) => {
        new DataView(little.buffer).setFloat64(shift + 8 * i, value, true);
        new DataView(big.buffer).setFloat64(shift + 8 * i, value, false);
      });
      const tensor = tensorOfBytes('float64', [values.length], little.subarray(shift));
      assert.deepEqual([...(tensor.data as Float64Array)], values);
      assert.deepEqual(tensorOfBytes('float64', [values.length], big.subarray(shift), { littleEndian: false }), tensor);
      assert.deepEqual(bytesOfTensor(tensor), little.slice(shift));
    }),
  );
});
