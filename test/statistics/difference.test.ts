import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { createRng } from '../../src/random.js';
import { differenceOf } from '../../src/statistics/difference.js';
import { meanOf } from '../../src/statistics/mean.js';
import type { Series } from '../../src/statistics/series.js';
import { verdictOf } from '../../src/statistics/verdict.js';
import { assertCovers } from './simulation.js';

const accuracy = fc.double({ min: 0, max: 1, noNaN: true });
const series = (replicates: readonly number[]): fc.Arbitrary<Series> =>
  fc
    .array(accuracy, { minLength: replicates.length, maxLength: replicates.length })
    .map((values) => values.map((value, i) => ({ replicate: replicates[i]!, accuracy: value })));
const twoSeries = fc
  .uniqueArray(fc.nat({ max: 20 }), { minLength: 2, maxLength: 6 })
  .chain((replicates) => fc.tuple(series(replicates), series(replicates)));

/** Networks on 200 images of their own difficulty; the first method is a little better. */
const withOutcomes = (seed: number, shift: number, n = 4): Series => {
  const rng = createRng(seed);
  return Array.from({ length: n }, (_, replicate) => {
    const outcome = Uint8Array.from({ length: 200 }, (__, i) => Number(rng.uniform() < 0.3 + shift + (0.4 * i) / 200));
    return { replicate, accuracy: outcome.reduce((sum, right) => sum + right, 0) / 200, outcome };
  });
};

test('permuted rows and unrelated replicates change nothing, not a bit', () => {
  const outcomes = fc
    .tuple(fc.nat({ max: 50 }), fc.nat({ max: 50 }))
    .map(([a, b]) => [withOutcomes(a, 0.05), withOutcomes(b, 0)] as [Series, Series]);
  fc.assert(
    fc.property(fc.oneof(twoSeries, outcomes), fc.infiniteStream(fc.nat()), ([first, second], keys) => {
      const difference = differenceOf(first, second, { draws: 50 });
      const shuffled = (entries: Series): Series =>
        entries
          .map((entry) => ({ entry, key: Number(keys.next().value) }))
          .sort((a, b) => a.key - b.key)
          .map(({ entry }) => entry);
      assert.deepEqual(differenceOf(shuffled(first), shuffled(second), { draws: 50 }), difference);
      const more = [...second, { replicate: 99, accuracy: 0.5 }];
      assert.deepEqual(differenceOf(first, more, { draws: 50 }), difference);
      for (const side of ['above', 'below'] as const) {
        assert.equal(
          verdictOf(differenceOf(shuffled(first), more)?.interval, 0.005, side),
          verdictOf(difference?.interval, 0.005, side),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test('the order of the images changes nothing either', () => {
  const reversed = (entries: Series): Series =>
    entries.map((entry) => ({ ...entry, outcome: entry.outcome!.slice().reverse() }));
  const [first, second] = [withOutcomes(1, 0.05), withOutcomes(2, 0)];
  assert.deepEqual(differenceOf(reversed(first), reversed(second)), differenceOf(first, second));
});

test('a difference is taken within each replicate; turned round, it is the other way', () => {
  fc.assert(
    fc.property(twoSeries, ([first, second]) => {
      const difference = differenceOf(first, second, { draws: 20 })!;
      difference.replicates.forEach((replicate, i) => {
        const of = (entries: Series): number => entries.find((entry) => entry.replicate === replicate)!.accuracy;
        assert.equal(difference.differences[i], of(first) - of(second));
      });
      const turned = differenceOf(second, first, { draws: 20 })!;
      assert.ok(Math.abs(turned.mean + difference.mean) < 1e-12);
      assert.ok(Math.abs(turned.interval![0] + difference.interval![1]) < 1e-9);
      assert.ok(Math.abs(turned.probabilityOfBetter + difference.probabilityOfBetter - 1) < 1e-12);
      assert.ok(Math.abs(turned.pValue! - difference.pValue!) < 1e-12);
    }),
    { numRuns: 50 },
  );
});

test('no difference is undecided, whatever the margin', () => {
  fc.assert(
    fc.property(series([0, 1, 2]), fc.double({ min: 0, max: 0.1, noNaN: true }), (same, margin) => {
      const { mean, interval, pValue, probabilityOfBetter } = differenceOf(same, same, { margin, draws: 20 })!;
      assert.deepEqual([mean, pValue, probabilityOfBetter], [0, 1, 0.5]);
      for (const side of ['above', 'below'] as const) assert.equal(verdictOf(interval, margin, side), 'undecided');
    }),
  );
});

test('the p-value is below .05 exactly where the interval at 95 % lies beyond the margin', () => {
  fc.assert(
    fc.property(twoSeries, fc.constantFrom(0, 0.005, 0.1), ([first, second], margin) => {
      const { interval, pValue } = differenceOf(first, second, { margin, draws: 2 })!;
      if (Math.abs(pValue! - 0.05) < 1e-6) return;
      assert.equal(pValue! < 0.05, verdictOf(interval, margin) !== 'undecided');
    }),
    { numRuns: 300 },
  );
});

test('three replicates by hand', () => {
  const first = [0.52, 0.5, 0.51].map((value, replicate) => ({ replicate, accuracy: value }));
  const second = [0.5, 0.49, 0.49].map((value, replicate) => ({ replicate, accuracy: value }));
  const { n, mean, deviation, interval, probabilityOfBetter } = differenceOf(first, second)!;
  // Differences .02, .01, .02; t of two degrees is 4.302653.
  assert.equal(n, 3);
  assert.ok(Math.abs(mean - 0.05 / 3) < 1e-12);
  assert.ok(Math.abs(deviation! - 0.0057735) < 1e-7);
  assert.ok(Math.abs(interval![0] - (0.05 / 3 - (4.302653 * 0.0057735) / Math.sqrt(3))) < 1e-6);
  assert.equal(probabilityOfBetter, 1);
  assert.equal(verdictOf(interval, 0), 'supported');
  assert.equal(verdictOf(interval, 0, 'below'), 'contradicted');
  assert.equal(verdictOf(interval, 0.005), 'undecided');
});

test('one replicate has no interval and decides nothing; none in common is no difference', () => {
  const one = [{ replicate: 0, accuracy: 0.9 }];
  const difference = differenceOf(one, [{ replicate: 0, accuracy: 0.1 }])!;
  assert.deepEqual(
    [difference.n, difference.interval, difference.bootstrap, difference.pValue, difference.deviation],
    [1, undefined, undefined, undefined, undefined],
  );
  assert.equal(verdictOf(difference.interval, 0), 'undecided');
  assert.equal(differenceOf(one, [{ replicate: 1, accuracy: 0.1 }]), undefined);
  assert.throws(() => differenceOf([...one, ...one], one), UserError);
});

test('the t interval covers the true difference at its level, with three replicates as with ten', () => {
  for (const n of [3, 10]) {
    assertCovers(0.02, (trial) => {
      const rng = createRng(trial).fork(n);
      const shared = Array.from({ length: n }, () => 0.05 * rng.normal());
      const make = (shift: number): Series =>
        shared.map((own, replicate) => ({ replicate, accuracy: 0.5 + own + shift + 0.01 * rng.normal() }));
      return differenceOf(make(0.02), make(0), { draws: 1 })!.interval!;
    });
  }
});

test('the bootstrap is the same for a seed, agrees with t where there are many replicates, and knows the images', () => {
  const [first, second] = [withOutcomes(1, 0.05, 30), withOutcomes(2, 0, 30)];
  const { bootstrap, interval } = differenceOf(first, second)!;
  assert.deepEqual(differenceOf(first, second)!.bootstrap, bootstrap);
  assert.notDeepEqual(differenceOf(first, second, { seed: 1 })!.bootstrap, bootstrap);
  const width = (of: readonly [number, number]): number => of[1] - of[0];
  // Images drawn anew add their own scatter, which the replicates share.
  assert.ok(width(bootstrap!) > 0.8 * width(interval!) && width(bootstrap!) < 2.5 * width(interval!));
  // Replicates that agree to the image: all that is left is the scatter of images, of Bernoulli variables.
  const same = (entries: Series): Series => [0, 1, 2].map((replicate) => ({ ...entries[0]!, replicate }));
  const alike = differenceOf(same(first), same(second))!;
  // Known to one image of 200.
  assert.ok(Math.abs(width(alike.interval!) - (2 * 4.302653) / 200 / Math.sqrt(3)) < 1e-6);
  const [a, b] = [first[0]!.outcome!, second[0]!.outcome!];
  const differences = Array.from(a, (right, i) => right - b[i]!);
  const { mean, deviation } = meanOf(differences)!;
  const expected = (2 * 1.96 * deviation!) / Math.sqrt(200);
  assert.ok(Math.abs(width(alike.bootstrap!) / expected - 1) < 0.1, `${width(alike.bootstrap!)} ${expected}`);
  assert.ok(alike.bootstrap![0] < mean && mean < alike.bootstrap![1]);
  assert.throws(
    () => differenceOf(first, [...second.slice(1), { ...second[0]!, outcome: new Uint8Array(3) }]),
    UserError,
  );
});
