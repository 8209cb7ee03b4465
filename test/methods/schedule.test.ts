import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findMethod } from '../../src/methods/catalogue.js';
import { rateAt, type Schedule } from '../../src/methods/schedule.js';
import { publishedMethods } from './published-methods.js';

/** The published code's formula of CIARD, by epochs counted from 1. */
const dampedCosine =
  (rate: number, from: number, length: number) =>
  (epoch: number): number => {
    if (epoch < from) return rate;
    const u = (epoch - from) / length;
    return rate * 0.5 * (1 + Math.cos(Math.PI * u)) * Math.exp(-0.01 * u * u);
  };
const tenths =
  (...at: number[]) =>
  (epoch: number): number =>
    0.1 * 0.1 ** at.filter((milestone) => epoch >= milestone).length;

const published = {
  natural: [300, tenths(215, 260, 285)],
  'pgd-at': [110, tenths(100, 105)],
  trades: [76, tenths(75)],
  ard: [200, tenths(100, 150)],
  iad: [200, tenths(100, 150)],
  adaad: [200, tenths(100, 150)],
  rslad: [300, tenths(215, 260, 285)],
  mtard: [300, tenths(215, 260, 285)],
  'b-mtard': [300, tenths(215, 260, 285)],
  ciard: [300, dampedCosine(0.1, 150, 150)],
  'ciard-code': [300, dampedCosine(0.1, 150, 150)],
} as const;

const assertEqual = (actual: number, expected: number, what: string): void => {
  assert.ok(Math.abs(actual - expected) <= 1e-12, `${what}: ${actual}, published ${expected}`);
};

test('every method of the papers has its published schedule here', () => {
  assert.deepEqual(Object.keys(published).sort(), [...publishedMethods].sort());
});

for (const [name, [epochs, rate]] of Object.entries(published)) {
  test(`${name}: at its published length the rate of every epoch is the published one`, () => {
    const { recipe } = findMethod(name);
    assert.equal(recipe.epochs, epochs);
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const actual = rateAt(recipe.optimiser.learningRate, { index: epoch - 1, epochs });
      assertEqual(actual, rate(epoch), `epoch ${epoch}`);
    }
  });
}

for (const name of ['ciard', 'ciard-code']) {
  test(`${name}: the check values of the rates, and the teacher's rate at every epoch`, () => {
    const { optimiser, teacherOptimiser } = findMethod(name).recipe;
    for (const [schedule, rates] of [
      [
        optimiser.learningRate,
        [
          [149, '0.10000'],
          [175, '0.09328'],
          [200, '0.07492'],
          [250, '0.02489'],
          [290, '0.00108'],
        ],
      ],
      [
        teacherOptimiser!.learningRate,
        [
          [100, '0.0000904'],
          [150, '0.0000653'],
          [200, '0.0000344'],
        ],
      ],
    ] as const) {
      for (const [epoch, rate] of rates) {
        const digits = rate.length - 2;
        assert.equal(rateAt(schedule, { index: epoch - 1, epochs: 300 }).toFixed(digits), rate, `epoch ${epoch}`);
      }
    }
    const teacher = dampedCosine(1e-4, 50, 250);
    for (let epoch = 1; epoch <= 300; epoch++) {
      const actual = rateAt(teacherOptimiser!.learningRate, { index: epoch - 1, epochs: 300 });
      assertEqual(actual, teacher(epoch), `epoch ${epoch}`);
    }
  });
}

test('steps: milestones fall where they fall, whatever the length', () => {
  const schedule: Schedule = { kind: 'steps', rate: 0.1, at: [0.5, 0.75], factor: 0.1 };
  const rates = (epochs: number): number[] =>
    Array.from({ length: epochs }, (_, index) => Math.round(1e6 * rateAt(schedule, { index, epochs })));
  assert.deepEqual(rates(4), [100000, 100000, 10000, 1000]);
  assert.deepEqual(rates(8), [100000, 100000, 100000, 100000, 10000, 10000, 1000, 1000]);
  // Epochs begin at 0, 1/3, 2/3.
  assert.deepEqual(rates(3), [100000, 100000, 10000]);
});

test('one-cycle: in straight lines up to its peak and down to nothing, by the middle of each epoch', () => {
  const schedule: Schedule = { kind: 'one-cycle', rate: 0.2, peak: 0.25 };
  const rates = Array.from({ length: 8 }, (_, index) => rateAt(schedule, { index, epochs: 8 }));
  const expected = [1, 3].map((m) => (0.2 * m) / 16 / 0.25);
  for (let m = 5; m < 16; m += 2) expected.push((0.2 * (1 - m / 16)) / 0.75);
  rates.forEach((rate, i) => {
    assertEqual(rate, expected[i]!, `epoch ${i + 1}`);
  });
  assertEqual(rateAt({ ...schedule, peak: 0 }, { index: 0, epochs: 2 }), 0.15, 'no rise');
  assertEqual(rateAt({ ...schedule, peak: 1 }, { index: 1, epochs: 2 }), 0.15, 'no fall');
});

test('rates are positive, and never more than the schedule says', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(),
      (epochs, at, n) => {
        const index = n % epochs;
        for (const schedule of [
          { kind: 'one-cycle', rate: 0.1, peak: at },
          { kind: 'steps', rate: 0.1, at: [at], factor: 0.1 },
        ] as const) {
          const rate = rateAt(schedule, { index, epochs });
          assert.ok(rate > 0 && rate <= 0.1, `${schedule.kind}: ${rate}`);
        }
      },
    ),
  );
});
