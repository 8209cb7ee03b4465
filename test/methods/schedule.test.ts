import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rateAt, recipeEpoch } from '../../src/methods/schedule.js';

test('a step schedule falls by its factor at each milestone', () => {
  const schedule = { kind: 'steps', rate: 0.1, at: [100, 150], factor: 0.1 } as const;
  assert.deepEqual(
    [1, 99, 100, 149, 150, 200].map((epoch) => Number(rateAt(schedule, epoch).toPrecision(6))),
    [0.1, 0.1, 0.01, 0.01, 0.001, 0.001],
  );
});

test('a triangle rises to its peak, falls, and never reaches zero inside the run', () => {
  const schedule = { kind: 'triangle', rate: 0.2, peak: 2, end: 6 } as const;
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((epoch) => Number(rateAt(schedule, epoch).toPrecision(6))),
    [0.1, 0.2, 0.16, 0.12, 0.08, 0.04],
  );
});

test('a run of the length that a recipe was written for counts its epochs from 1', () => {
  assert.equal(recipeEpoch(0, { epochs: 300, writtenFor: 300 }), 1);
  assert.equal(recipeEpoch(299, { epochs: 300, writtenFor: 300 }), 300);
});

test('a shorter run passes the same schedule, in order and inside its length', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }), (epochs, writtenFor) => {
      const passed = Array.from({ length: epochs }, (_, index) => recipeEpoch(index, { epochs, writtenFor }));
      assert.equal(passed[0], 1);
      assert.ok(passed.every((epoch, i) => i === 0 || epoch > passed[i - 1]!));
      assert.ok(passed.at(-1)! < 1 + writtenFor);
    }),
  );
});
