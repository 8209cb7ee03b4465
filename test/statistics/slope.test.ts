import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { createRng } from '../../src/random.js';
import { meanOf, type Mean } from '../../src/statistics/mean.js';
import { slopeOf } from '../../src/statistics/slope.js';
import { verdictOf } from '../../src/statistics/verdict.js';
import { assertCovers } from './simulation.js';

/** As the verdict on a decline takes it: a line for each replicate, since the points of one are not independent. */
const meanSlope = (replicates: readonly Parameters<typeof slopeOf>[0][]): Mean | undefined =>
  meanOf(replicates.map(slopeOf));

test('a line’s slope is found, wherever its points lie, in whatever order', () => {
  const number = fc.double({ min: -10, max: 10, noNaN: true });
  fc.assert(
    fc.property(
      number,
      number,
      fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 2 }),
      (slope, start, xs) => {
        const points = xs.map((x) => ({ x, y: start + slope * x }));
        assert.ok(Math.abs(slopeOf(points) - slope) < 1e-9);
        assert.equal(slopeOf([...points].reverse()), slopeOf(points));
      },
    ),
  );
  // Least squares, not the ends: (0, 0), (1, 2), (2, 1) rise by a half.
  assert.equal(
    slopeOf([
      { x: 0, y: 0 },
      { x: 1, y: 2 },
      { x: 2, y: 1 },
    ]),
    0.5,
  );
});

test('the interval of a mean slope covers the true one at its level', () => {
  assertCovers(-0.002, (trial) => {
    const rng = createRng(trial).fork('slope');
    const replicates = Array.from({ length: 4 }, () => {
      const own = -0.002 + 0.001 * rng.normal();
      return Array.from({ length: 10 }, (_, x) => ({ x, y: 0.5 + own * x + 0.002 * rng.normal() }));
    });
    return meanSlope(replicates)!.interval!;
  });
});

test('a decline of all replicates is a claim supported below; one replicate decides nothing', () => {
  const fall = (by: number): { x: number; y: number }[] => [0, 1, 2].map((x) => ({ x, y: 0.5 - by * x }));
  const replicates = [fall(0.01), fall(0.011), fall(0.009)];
  assert.equal(verdictOf(meanSlope(replicates)!.interval, 0, 'below'), 'supported');
  assert.equal(verdictOf(meanSlope(replicates)!.interval, 0), 'contradicted');
  assert.equal(verdictOf(meanSlope([fall(0.01)])!.interval, 0, 'below'), 'undecided');
});

test('points at one place have no slope', () => {
  for (const points of [
    [],
    [{ x: 1, y: 2 }],
    [
      { x: 1, y: 2 },
      { x: 1, y: 3 },
    ],
  ]) {
    assert.throws(() => slopeOf(points), UserError);
  }
});
