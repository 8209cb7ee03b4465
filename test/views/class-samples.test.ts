import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { createImageSet } from '../../src/data/image-set.js';
import { displaySymbol } from '../../src/display.js';
import { classSamples } from '../../src/views/class-samples.js';

/** Image i is all red at level i; classes 0 and 1 in turn, of class 2 there is one. */
const labels = Uint8Array.from([0, 1, 0, 1, 0, 1, 2]);
const pixels = new Uint8Array(7 * 3 * 4);
for (let i = 0; i < 7; i++) pixels.fill(10 * i, i * 12, i * 12 + 4);
const set = createImageSet({
  name: 'synthetic',
  part: 'test',
  length: 7,
  height: 2,
  width: 2,
  classes: ['a', '<b>', 'c'],
  pixels,
  labels,
});

/** The red levels of a picture's middle row, image by image, null between them. */
const picture = async (html: string): Promise<(number | null)[]> => {
  const data = /base64,([^"]+)/.exec(html)![1]!;
  const { data: bytes, info } = await sharp(Buffer.from(data, 'base64')).raw().toBuffer({ resolveWithObject: true });
  assert.equal(info.channels, 4);
  return Array.from({ length: info.width }, (_, x) => (bytes[4 * x + 3] === 0 ? null : bytes[4 * x]!));
};

test('each class shows its images, spread over the class, and a picture of its own beside them', async () => {
  const view = classSamples(set, {
    perClass: 2,
    scale: 1,
    beside: { title: 'own', picture: (label) => new Uint8Array(12).fill(100 + label) },
  });
  const { 'text/html': html, 'text/plain': text } = (await view[displaySymbol]()) as Record<string, string>;
  const rows = html!.split('\n').filter((line) => line.startsWith('<tr>'));
  assert.equal(rows.length, 3);
  const pictures = await Promise.all(rows.map((row) => Promise.all(row.match(/<img[^>]+>/g)!.map(picture))));
  assert.deepEqual(pictures, [
    [
      [0, 0, null, 20, 20],
      [100, 100],
    ],
    [
      [10, 10, null, 30, 30],
      [101, 101],
    ],
    [
      [60, 60],
      [102, 102],
    ],
  ]);
  assert.match(rows[1]!, /&#60;b&#62;/);
  assert.match(text!, /^synthetic, test: 7 images of 2 × 2 in 3 classes: a \(3\), <b> \(3\), c \(1\)$/);
});
