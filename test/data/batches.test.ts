import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { batchCount, epochBatches, gather, gatherAugmented, orderedBatches } from '../../src/data/batches.js';
import { UserError } from '../../src/errors.js';
import { createRng } from '../../src/random.js';
import { randomImageSet } from './image-sets.js';

const set = randomImageSet([20, 20, 20], { height: 7, width: 5 });
const { height, width } = set;
const image = 3 * height * width;

/** The value at row, column, channel of an image as the field's loaders have it: byte / 255 in float32. */
const pixel = (index: number, y: number, x: number, c: number): number =>
  Math.fround(Math.fround(set.pixels[index * image + c * height * width + y * width + x]!) / Math.fround(255));

test('gather: byte / 255 in float32, channels last, labels and positions beside', () => {
  const batch = gather(set, [7, 3, 59, 3]);
  assert.equal(batch.size, 4);
  assert.deepEqual([...batch.indices], [7, 3, 59, 3]);
  assert.deepEqual(
    [...batch.labels],
    [7, 3, 59, 3].map((index) => set.labels[index]),
  );
  batch.indices.forEach((index, i) => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++)
          assert.equal(batch.images[i * image + 3 * (y * width + x) + c], pixel(index, y, x, c));
      }
    }
  });
});

test('gather: an image that is not there is refused', () => {
  assert.throws(() => gather(set, [60]), UserError);
  assert.throws(() => gather(set, [-1]), UserError);
});

test('augmentation: a crop of the image padded with zeros, mirrored or not; three draws an image', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 8 }),
      fc.integer(),
      fc.integer({ min: 0, max: 5 }),
      (indices, seed, padding) => {
        const batch = gatherAugmented(set, indices, createRng(seed), { padding });
        const draws = createRng(seed);
        indices.forEach((index, i) => {
          const top = draws.integer(2 * padding + 1) - padding;
          const left = draws.integer(2 * padding + 1) - padding;
          const mirrored = draws.uniform() < 0.5;
          for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
              const row = y + top;
              const column = left + (mirrored ? width - 1 - x : x);
              const inside = row >= 0 && row < height && column >= 0 && column < width;
              for (let c = 0; c < 3; c++) {
                const found = batch.images[i * image + 3 * (y * width + x) + c];
                assert.equal(found, inside ? pixel(index, row, column, c) : 0);
              }
            }
          }
        });
      },
    ),
  );
});

test('augmentation: every crop and both mirrorings occur about equally often', () => {
  const dot = { ...randomImageSet([1], { height: 9, width: 9 }), pixels: new Uint8Array(3 * 81) };
  dot.pixels[4 * 9 + 4] = 255;
  const shifts = new Map<string, number>();
  const rng = createRng(3);
  const draws = 8100;
  for (let i = 0; i < draws; i++) {
    const at = gatherAugmented(dot, [0], rng).images.findIndex((value) => value === 1) / 3;
    const key = `${Math.floor(at / 9)},${at % 9}`;
    shifts.set(key, (shifts.get(key) ?? 0) + 1);
  }
  assert.equal(shifts.size, 81);
  for (const [key, count] of shifts) assert.ok(count > 55 && count < 150, `${key}: ${count}`);
});

test('an epoch: every image once, in another order each epoch, the last batch smaller', () => {
  const indices = Uint32Array.from({ length: 50 }, (_, i) => i + 5);
  const rng = createRng(1);
  const run = (epoch: number): number[][] =>
    [...epochBatches(set, indices, { batchSize: 16, rng: rng.fork('epoch', epoch) })].map((batch) => [
      ...batch.indices,
    ]);
  const first = run(0);
  assert.deepEqual(
    first.map((batch) => batch.length),
    [16, 16, 16, 2],
  );
  assert.deepEqual(
    first.flat().sort((a, b) => a - b),
    [...indices],
  );
  assert.deepEqual(run(0), first);
  assert.notDeepEqual(run(1), first);
  const full = [...epochBatches(set, indices, { batchSize: 16, rng: rng.fork('epoch', 0), dropLast: true })];
  assert.deepEqual(
    full.map((batch) => [...batch.indices]),
    first.slice(0, 3),
  );
  assert.equal(batchCount(50, { batchSize: 16 }), 4);
  assert.equal(batchCount(50, { batchSize: 16, dropLast: true }), 3);
});

test('an epoch taken up at any batch goes on with the same bytes', () => {
  const indices = Uint32Array.from({ length: 60 }, (_, i) => i);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 }), fc.boolean(), (firstBatch, augment) => {
      const options = { batchSize: 7, rng: createRng(9), augment };
      const rest = [...epochBatches(set, indices, { ...options, firstBatch })];
      assert.deepEqual(rest, [...epochBatches(set, indices, options)].slice(firstBatch));
    }),
  );
});

test('without augmentation an epoch gives the images as they are', () => {
  for (const batch of epochBatches(set, [1, 2, 3, 4, 5], { batchSize: 2, rng: createRng(4), augment: false })) {
    assert.deepEqual(batch, gather(set, batch.indices));
  }
});

test('for evaluation: the order given, the last batch smaller', () => {
  const batches = [...orderedBatches(set, [9, 8, 7, 6, 5], 2)];
  assert.deepEqual(
    batches.map((batch) => [...batch.indices]),
    [[9, 8], [7, 6], [5]],
  );
  assert.deepEqual(batches[2], gather(set, [5]));
});

test('a batch size that is none is refused', () => {
  for (const batchSize of [0, -1, 1.5, NaN]) {
    assert.throws(() => [...orderedBatches(set, [1], batchSize)], UserError);
    assert.throws(() => [...epochBatches(set, [1], { batchSize, rng: createRng(1) })], UserError);
  }
});
