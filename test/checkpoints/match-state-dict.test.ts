import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isExactMatch, matchStateDict, mismatchLines } from '../../src/checkpoints/match-state-dict.js';
import { sizeOfShape } from '../../src/checkpoints/state-dict.js';
import type { StoredTensor } from '../../src/checkpoints/state-dict.js';

const ofShape = (shape: readonly number[]): StoredTensor => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(sizeOfShape(shape)),
});
const counter: StoredTensor = { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) };

test('every tensor that does not fit is named, each for its reason', () => {
  const expected = [
    { name: 'conv1.weight', shape: [4, 3, 3, 3] },
    { name: 'bn1.weight', shape: [4] },
    { name: 'bn1.bias', shape: [4] },
    { name: 'fc.weight', shape: [10, 4] },
    { name: 'fc.bias', shape: [10] },
  ];
  const conv = ofShape([4, 3, 3, 3]);
  const given = new Map<string, StoredTensor>([
    ['fc.weight', ofShape([100, 4])],
    ['bn1.weight', { dtype: 'int32', shape: [4], data: new Int32Array(4) }],
    ['bn1.num_batches_tracked', counter],
    ['mean', ofShape([1, 3, 1, 1])],
    ['conv1.weight', conv],
    ['fc.bias', ofShape([10, 1])],
  ]);
  const match = matchStateDict(expected, given);
  assert.deepEqual(match, {
    matched: new Map([['conv1.weight', conv]]),
    missing: [{ name: 'bn1.bias', shape: [4] }],
    surplus: [{ name: 'mean', shape: [1, 3, 1, 1] }],
    misshaped: [
      { name: 'fc.weight', expected: [10, 4], given: [100, 4] },
      { name: 'fc.bias', expected: [10], given: [10, 1] },
    ],
    mistyped: [{ name: 'bn1.weight', dtype: 'int32' }],
    ignored: ['bn1.num_batches_tracked'],
  });
  assert.ok(!isExactMatch(match));
  assert.deepEqual(mismatchLines(match), [
    '  missing (1):',
    '    bn1.bias [4]',
    '  surplus (1):',
    '    mean [1, 3, 1, 1]',
    '  mis-shaped (2):',
    '    fc.weight [100, 4], wanted [10, 4]',
    '    fc.bias [10, 1], wanted [10]',
    '  not floating-point (1):',
    '    bn1.weight int32',
  ]);
});

test("a network fits itself in any order of the file; the order of what fits is the network's", () => {
  const names = fc
    .uniqueArray(fc.string(), { maxLength: 12 })
    .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
  fc.assert(
    fc.property(names, ([all, shuffled]) => {
      const expected = all.map((name, i) => ({ name, shape: [i] }));
      const given = new Map(shuffled.map((name) => [name, ofShape([all.indexOf(name)])]));
      const match = matchStateDict(expected, given);
      assert.ok(isExactMatch(match));
      assert.deepEqual([...match.matched.keys()], all);
    }),
  );
});

test('each expected tensor is in exactly one list, and so is each given one', () => {
  const named = fc.uniqueArray(
    fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e.num_batches_tracked'), fc.array(fc.nat(2), { maxLength: 2 })),
    {
      selector: ([name]) => name,
    },
  );
  fc.assert(
    fc.property(named, named, (expected, given) => {
      const match = matchStateDict(
        expected.map(([name, shape]) => ({ name, shape })),
        new Map(given.map(([name, shape]) => [name, ofShape(shape)])),
      );
      const fitting = [...match.matched.keys(), ...match.misshaped.map(({ name }) => name)];
      assert.deepEqual(
        [...fitting, ...match.missing.map(({ name }) => name)].sort(),
        expected.map(([name]) => name).sort(),
      );
      assert.deepEqual(
        [...fitting, ...match.surplus.map(({ name }) => name), ...match.ignored].sort(),
        given.map(([name]) => name).sort(),
      );
    }),
  );
});
