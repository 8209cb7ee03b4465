import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spread } from '../../bench/statistics.js';

test('spread: quartiles lie between neighbours as NumPy has them', () => {
  // numpy.quantile([1, 2, 4, 8, 16, 32], [.25, .5, .75]) is [2.5, 6, 14]
  assert.deepEqual(spread([8, 1, 32, 2, 16, 4]), { min: 1, q1: 2.5, median: 6, q3: 14, max: 32, runs: 6 });
  assert.deepEqual(spread([3]), { min: 3, q1: 3, median: 3, q3: 3, max: 3, runs: 1 });
});

test('spread: is ordered, does not depend on the order of the values and leaves them alone', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
      const copy = [...values];
      const { min, q1, median, q3, max } = spread(values);
      assert.deepEqual(values, copy);
      for (const [low, high] of [
        [min, q1],
        [q1, median],
        [median, q3],
        [q3, max],
      ] as const)
        assert.ok(low <= high + 1e-9);
      assert.deepEqual(spread(values.toReversed()), spread(values));
    }),
  );
});

test('spread: of no values is an error', () => {
  assert.throws(() => spread([]), RangeError);
});
