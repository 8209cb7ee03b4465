import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meanOf } from '../../src/statistics/mean.js';
import { replicatesNeeded } from '../../src/statistics/replicates-needed.js';

test('as many replicates as it says are enough, and one less is not', () => {
  for (const [mean, deviation, margin, level] of [
    [0.02, 0.01, 0.005, 0.95],
    [-0.03, 0.05, 0, 0.99],
    [0.1, 0.001, 0.005, 0.9],
  ] as const) {
    const needed = replicatesNeeded({ mean, deviation }, margin, level)!;
    /** Half the interval of `n` values with this mean and deviation: as many on one side as on the other. */
    const isBeyond = (n: number): boolean => {
      const spread = deviation * Math.sqrt((n - 1) / (n % 2 === 0 ? n : n - 1));
      const values = Array.from({ length: n }, (_, i) =>
        n % 2 === 1 && i === n - 1 ? mean : mean + (i % 2 === 0 ? spread : -spread),
      );
      const [low, high] = meanOf(values, level)!.interval!;
      return low > margin || high < -margin;
    };
    assert.ok(isBeyond(needed), `${needed} of ${mean} ± ${deviation}`);
    if (needed > 2) assert.ok(!isBeyond(needed - 1), `${needed - 1} of ${mean} ± ${deviation}`);
  }
});

test('what no number of replicates settles has none', () => {
  assert.equal(replicatesNeeded({ mean: 0.004, deviation: 0.001 }, 0.005), null);
  assert.equal(replicatesNeeded({ mean: 0.0051, deviation: 1 }, 0.005), null);
  assert.equal(replicatesNeeded({ mean: 0.1, deviation: undefined }), null);
});
