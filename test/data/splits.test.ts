import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { holdOut, takeBalanced } from '../../src/data/splits.js';
import { UserError } from '../../src/errors.js';
import { randomImageSet } from './image-sets.js';

const counts = (indices: ArrayLike<number>, set: { labels: Uint8Array; classes: readonly string[] }): number[] => {
  const found = set.classes.map(() => 0);
  for (let i = 0; i < indices.length; i++) found[set.labels[indices[i]!]!]!++;
  return found;
};

const isAscending = (indices: Uint32Array): boolean => indices.every((index, i) => i === 0 || indices[i - 1]! < index);

const set = randomImageSet([40, 40, 40, 40, 40, 40, 40]);

test('hold-out: two disjoint parts of the whole, balanced by class, ascending', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 279 }), fc.integer(), (count, seed) => {
      const { train, validation } = holdOut(set, count, seed);
      assert.equal(validation.length, count);
      assert.deepEqual(
        [...train, ...validation].sort((a, b) => a - b),
        Array.from({ length: 280 }, (_, i) => i),
      );
      const found = counts(validation, set);
      assert.ok(Math.max(...found) - Math.min(...found) <= 1);
      assert.ok(isAscending(train) && isAscending(validation));
    }),
  );
});

test('hold-out: the same seed gives the same images, another seed others', () => {
  assert.deepEqual(holdOut(set, 70, 5), holdOut(set, 70, 5));
  assert.notDeepEqual(holdOut(set, 70, 5).validation, holdOut(set, 70, 6).validation);
  const first = holdOut(set, 70, 5).validation;
  const overlap = holdOut(set, 70, 6).validation.filter((index) => first.includes(index)).length;
  // A quarter of the images each: about a quarter of 70 is common by chance.
  assert.ok(overlap > 5 && overlap < 35, `${overlap} in common`);
});

test('a balanced part: members of the indices, balanced, and a larger part contains each smaller one', () => {
  const { train } = holdOut(set, 70, 1);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 210 }), fc.integer({ min: 0, max: 210 }), fc.integer(), (a, b, seed) => {
      const small = takeBalanced(train, set, Math.min(a, b), seed);
      const large = takeBalanced(train, set, Math.max(a, b), seed);
      const pool = new Set(train);
      assert.equal(small.length, Math.min(a, b));
      assert.ok(large.every((index) => pool.has(index)));
      assert.ok(small.every((index) => large.includes(index)));
      const found = counts(small, set);
      assert.ok(Math.max(...found) - Math.min(...found) <= 1);
      assert.ok(isAscending(small));
    }),
  );
});

test('what cannot be taken is refused, naming the numbers', () => {
  const lean = randomImageSet([10, 2]);
  assert.throws(() => holdOut(set, 280, 1), UserError);
  assert.throws(() => holdOut(set, -1, 1), UserError);
  assert.throws(() => holdOut(set, 1.5, 1), UserError);
  assert.throws(() => takeBalanced(Uint32Array.from([0, 1]), set, 3, 1), UserError);
  assert.throws(() => holdOut(lean, 6, 1), /takes? 3 of class class 1 .* which has 2; ask for at most 4/);
});
