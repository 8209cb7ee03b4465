import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { createRng } from '../../src/random.js';
import { mcnemar } from '../../src/statistics/mcnemar.js';
import { assertCovers } from './simulation.js';

const pairs = fc.array(fc.tuple(fc.nat({ max: 1 }), fc.nat({ max: 1 })), { minLength: 1, maxLength: 60 });
const split = (images: readonly (readonly [number, number])[]): [Uint8Array, Uint8Array] => [
  Uint8Array.from(images, ([first]) => first),
  Uint8Array.from(images, ([, second]) => second),
];

/** Two-sided, summed by hand: twice the chance of so few or fewer among the discordant images. */
const exactP = (few: number, discordant: number): number => {
  let choose = 1;
  let sum = 0;
  for (let k = 0; k <= few; k++) {
    sum += choose;
    choose = (choose * (discordant - k)) / (k + 1);
  }
  return Math.min(1, (2 * sum) / 2 ** discordant);
};

test('the p-value is the binomial one of the discordant images, whatever their order and the others', () => {
  fc.assert(
    fc.property(pairs, fc.nat({ max: 50 }), (images, agreeing) => {
      const [first, second] = split(images);
      const { onlyFirst, onlySecond, difference, interval, pValue, total } = mcnemar(first, second);
      assert.equal(total, images.length);
      assert.equal(onlyFirst, images.filter(([a, b]) => a > b).length);
      assert.equal(onlySecond, images.filter(([a, b]) => a < b).length);
      assert.equal(difference, (onlyFirst - onlySecond) / total);
      assert.ok(interval[0] <= difference && difference <= interval[1]);
      assert.ok(Math.abs(pValue - exactP(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond)) < 1e-9);
      assert.deepEqual(mcnemar(...split([...images].reverse())), mcnemar(first, second));
      const swapped = mcnemar(second, first);
      assert.ok(Math.abs(swapped.pValue - pValue) < 1e-12);
      assert.ok(
        Math.abs(swapped.difference + difference) < 1e-12 && Math.abs(swapped.interval[0] + interval[1]) < 1e-12,
      );
      const more = mcnemar(...split([...images, ...Array.from({ length: agreeing }, () => [1, 1] as const)]));
      assert.equal(more.pValue, pValue);
    }),
  );
});

test('the interval covers the true difference at its level', () => {
  // The first is right on .6, the second on .55, together on .5.
  assertCovers(0.05, (trial) => {
    const rng = createRng(trial).fork('mcnemar');
    const images = Array.from({ length: 300 }, (): [number, number] => {
      const u = rng.uniform();
      return u < 0.5 ? [1, 1] : u < 0.6 ? [1, 0] : u < 0.65 ? [0, 1] : [0, 0];
    });
    return mcnemar(...split(images)).interval;
  });
});

test('a published example', () => {
  // 150 of 944 against 86 (Agresti, Categorical Data Analysis, 2013, table 11.1): a difference of −.04.
  const images = [...Array<[number, number]>(150).fill([1, 0]), ...Array<[number, number]>(86).fill([0, 1])];
  const rest = Array<[number, number]>(1600 - images.length).fill([1, 1]);
  const { difference, interval, pValue } = mcnemar(...split([...images, ...rest]));
  assert.equal(difference, 0.04);
  assert.ok(Math.abs(interval[0] - 0.0214) < 5e-4 && Math.abs(interval[1] - 0.0586) < 5e-4, String(interval));
  assert.ok(pValue < 5e-5 && pValue > 1e-5, String(pValue));
});

test('a probability that is very small has both its tails', () => {
  const images = [...Array<[number, number]>(132).fill([1, 0]), ...Array<[number, number]>(11).fill([0, 1])];
  // 2 · Σ_{k ≤ 11} C(143, k) / 2^143, in whole numbers.
  let term = 1n;
  let sum = 1n;
  for (let k = 1n; k <= 11n; k++) sum += term = (term * (144n - k)) / k;
  const exact = Number((2n * sum * 10n ** 60n) >> 143n) / 1e60;
  for (const { pValue } of [mcnemar(...split(images)), mcnemar(...split(images.map(([a, b]) => [b, a] as const)))]) {
    assert.ok(Math.abs(pValue / exact - 1) < 1e-6, `${pValue}, but ${exact} is exact`);
  }
});

test('outcomes of different images, or of none, are refused', () => {
  assert.throws(() => mcnemar(new Uint8Array(3), new Uint8Array(4)), UserError);
  assert.throws(() => mcnemar(new Uint8Array(), new Uint8Array()), UserError);
});
