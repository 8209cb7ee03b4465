import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { holm, holmLevels } from '../../src/statistics/holm.js';

const pValues = fc.array(fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0.001, 0.01, 0.02)), {
  maxLength: 12,
});

test('corrected p-values by hand', () => {
  holm([0.01, 0.04, 0.03]).forEach((value, i) => {
    assert.ok(Math.abs(value - [0.03, 0.06, 0.06][i]!) < 1e-12);
  });
  assert.deepEqual(holm([]), []);
});

test('intervals at Holm’s levels decide as his corrected p-values do, in any order', () => {
  fc.assert(
    fc.property(pValues, (values) => {
      const levels = holmLevels(values);
      const corrected = holm(values);
      values.forEach((value, i) => {
        assert.ok(levels[i]! >= 0.95 - 1e-12 && levels[i]! <= 1);
        if (Math.abs(corrected[i]! - 0.05) > 1e-9) assert.equal(value <= 1 - levels[i]!, corrected[i]! <= 0.05);
      });
      assert.deepEqual(holmLevels([...values].reverse()), [...levels].reverse());
    }),
  );
  assert.deepEqual(
    holmLevels([0.2, 0.001]).map((level) => level.toFixed(4)),
    ['0.9500', '0.9750'],
  );
});
