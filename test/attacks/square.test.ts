import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gather } from '../../src/data/batches.js';
import { square, squareSide, squareWindows } from '../../src/attacks/square.js';
import { UserError } from '../../src/errors.js';
import { createRng } from '../../src/random.js';
import { runAttack, smallSubject } from './networks.js';

test('the squares shrink as published, not rescaled to the queries', () => {
  // Share .8 of 1024 pixels: √819.2 is 28.6, and so on down by √2 at each halving.
  for (const [query, side] of [
    [0, 29],
    [10, 29],
    [11, 20],
    [50, 20],
    [51, 14],
    [201, 10],
    [501, 7],
    [1001, 5],
    [2001, 4],
    [4001, 3],
    [4999, 3],
  ] as const) {
    assert.equal(squareSide(query, 32, 0.8), side, `query ${query}`);
  }
  assert.equal(squareSide(0, 2, 0.8), 2);
});

test('a window depends on its query alone, and lies in the image', () => {
  const many = squareWindows(300, 32, 0.8, createRng(1));
  assert.deepEqual(squareWindows(20, 32, 0.8, createRng(1)), many.slice(0, 20));
  assert.notDeepEqual(squareWindows(20, 32, 0.8, createRng(2)), many.slice(0, 20));
  for (const { top, left, size } of many) assert.ok(top >= 0 && left >= 0 && top + size <= 32 && left + size <= 32);
});

test('what square finds lies on the walls of the ball and of [0, 1]', async () => {
  const subject = smallSubject(24);
  const epsilon = 6 / 255;
  const { found, finished } = await runAttack(square({ epsilon, queries: 40 }), subject);
  assert.equal(finished.length, 24);
  assert.ok(found.size > 0 && found.size < 24, `${found.size} of 24 found`);
  for (const [image, adversarial] of found) {
    const { images } = gather(subject.set, [image]);
    adversarial.forEach((value, i) => {
      const low = Math.max(Math.fround(images[i]! - Math.fround(epsilon)), 0);
      const high = Math.min(Math.fround(images[i]! + Math.fround(epsilon)), 1);
      assert.ok(value === low || value === high, `value ${i} is ${value}, the walls are ${low} and ${high}`);
    });
  }
});

test('more queries find no less; none are refused', async () => {
  const subject = smallSubject(24);
  const few = await runAttack(square({ epsilon: 4 / 255, queries: 5 }), subject);
  const many = await runAttack(square({ epsilon: 4 / 255, queries: 60 }), subject);
  for (const image of few.found.keys()) assert.ok(many.found.has(image));
  assert.ok(many.found.size > few.found.size);
  assert.throws(() => square({ queries: 0 }), UserError);
});
