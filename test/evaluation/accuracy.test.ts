import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accuracyFrom, accuracyOf, accuracySchema, measureOf } from '../../src/evaluation/accuracy.js';
import { percent } from '../../src/percent.js';

const outcomes = fc.array(fc.nat({ max: 1 }), { maxLength: 300 }).map((bits) => Uint8Array.from(bits));

test('an outcome’s accuracy: the share of ones, in its interval, whatever the order', () => {
  fc.assert(
    fc.property(outcomes, (outcome) => {
      const accuracy = measureOf(outcome);
      assert.equal(accuracy.total, outcome.length);
      assert.equal(
        accuracyOf(accuracy),
        outcome.length === 0 ? 0 : Array.from(outcome).filter(Boolean).length / outcome.length,
      );
      assert.ok(accuracy.interval[0] <= accuracyOf(accuracy) && accuracyOf(accuracy) <= accuracy.interval[1]);
      assert.deepEqual(measureOf(outcome.slice().reverse()), accuracy);
      assert.deepEqual(accuracySchema.parse(JSON.parse(JSON.stringify(accuracy))), accuracy);
    }),
  );
});

test('what is no accuracy is refused', () => {
  const accuracy = accuracyFrom(3, 4);
  for (const wrong of [
    { ...accuracy, correct: 5 },
    { ...accuracy, total: -1 },
    { correct: 1, total: 2 },
    { ...accuracy, accuracy: 0.75 },
  ]) {
    assert.equal(accuracySchema.safeParse(wrong).success, false, JSON.stringify(wrong));
  }
});

test('percent: two decimals, or as many as are asked for', () => {
  assert.deepEqual(
    [percent(0.5166), percent(1), percent(-0.00004), percent(0.12345, 1)],
    ['51.66', '100.00', '0.00', '12.3'],
  );
});
