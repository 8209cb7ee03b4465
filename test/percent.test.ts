import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decimal, percent, percentage } from '../src/percent.js';

test('a result reads alike however it was computed', () => {
  // Of 10,000 images 6,369 and 6,362: the mean of fractions and of percentages differ in their last bit.
  const ofFractions = 100 * ((0.6369 + 0.6362) / 2);
  const ofPercentages = (63.69 + 63.62) / 2;
  assert.notEqual(ofFractions.toFixed(2), ofPercentages.toFixed(2));
  assert.equal(decimal(ofFractions), '63.66');
  assert.equal(decimal(ofPercentages), '63.66');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 10_000 }), (a, b) => {
      const text = decimal((a / 100 + b / 100) / 2);
      assert.equal(percent((a / 1e4 + b / 1e4) / 2), text);
      assert.equal(percentage((a + b) / 2e4).toFixed(2), text);
      // In whole numbers: hundredths, a half upwards.
      assert.equal(Number(text), Math.ceil((a + b) / 2) / 100);
    }),
  );
});

test('what rounds to nothing has no sign, and a half goes away from zero', () => {
  assert.equal(decimal(-0.001), '0.00');
  assert.equal(decimal(-0.005), '-0.01');
  assert.equal(decimal(0.005), '0.01');
  assert.equal(percent(0.51664), '51.66');
  assert.equal(percent(1, 0), '100');
  assert.ok(Object.is(percentage(0), 0));
});
