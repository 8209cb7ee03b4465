import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  findPrefix,
  isComplete,
  isExactMatch,
  matchStateDict,
  mismatchLines,
} from '../../src/checkpoints/match-state-dict.js';
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
    spared: [],
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

test('what is never computed with may be lacking, all of it or nothing', () => {
  const expected = [
    { name: 'a', shape: [1] },
    { name: 'b.a', shape: [1], unused: true },
    { name: 'b.b', shape: [1], unused: true },
  ];
  const of = (...names: string[]) => matchStateDict(expected, new Map(names.map((name) => [name, ofShape([1])])));
  assert.deepEqual([of('a').spared, of('a').missing], [['b.a', 'b.b'], []]);
  assert.ok(isExactMatch(of('a')) && isExactMatch(of('a', 'b.a', 'b.b')));
  assert.deepEqual(
    of('a', 'b.b').missing.map(({ name }) => name),
    ['b.a'],
  );
  assert.ok(!isComplete(of('b.a', 'b.b')));
});

test('the prefix is the one behind which most of the names are', () => {
  const expected = ['conv1.weight', 'layer1.0.conv1.weight', 'fc.weight'].map((name) => ({ name, shape: [1] }));
  const names = expected.map(({ name }) => name);
  assert.equal(findPrefix(expected, names), '');
  assert.equal(findPrefix(expected, []), '');
  assert.equal(findPrefix(expected, ['x', 'y.z']), '');
  // layer1.0. has one of the names behind it, but the names as they are have three.
  assert.equal(findPrefix(expected, [...names, 'ema.fc.weight']), '');
  assert.equal(findPrefix(expected, ['0.mean', ...names.map((name) => `1.model.${name}`)]), '1.model.');
  assert.equal(findPrefix(expected, ['.'.repeat(1e6), ...names.map((name) => `a.${name}`)]), 'a.');
});

test('of a long list the beginning is told, and how much more there is', () => {
  const many = (count: number) =>
    mismatchLines(
      matchStateDict(
        Array.from({ length: count }, (_, i) => ({ name: `w${i}`, shape: [i] })),
        new Map(),
      ),
    );
  assert.equal(many(6).length, 7);
  assert.deepEqual(many(100), [
    '  missing (100):',
    ...[0, 1, 2, 3, 4].map((i) => `    w${i} [${i}]`),
    '    … and 95 more',
  ]);
});
