import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wilsonInterval } from '../../src/evaluation/interval.js';

test('the Wilson interval of worked examples', () => {
  // 1000 images at 50 % are known to ± 3.1 points; and Newcombe's (1998) examples 81/263, 15/148, 0/20.
  for (const [correct, total, low, high] of [
    [500, 1000, 0.4691, 0.5309],
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [20, 20, 0.8389, 1],
  ] as const) {
    const [from, to] = wilsonInterval(correct, total);
    assert.ok(Math.abs(from - low) < 5e-5 && Math.abs(to - high) < 5e-5, `${correct}/${total}: ${from} to ${to}`);
  }
  assert.deepEqual(wilsonInterval(0, 0), [0, 1]);
});

test('it holds the proportion, lies in [0, 1] and mirrors', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (total, share) => {
      const correct = Math.round(share * total);
      const [low, high] = wilsonInterval(correct, total);
      assert.ok(low >= 0 && high <= 1 && low <= correct / total && correct / total <= high && low < high);
      const [mirroredLow] = wilsonInterval(total - correct, total);
      assert.ok(Math.abs(mirroredLow - (1 - high)) < 1e-12);
    }),
  );
});
