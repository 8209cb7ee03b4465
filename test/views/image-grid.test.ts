import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { displaySymbol } from '../../src/display.js';
import { imageGrid, type AttackedImage, type Pixels } from '../../src/views/image-grid.js';

const pixels = (value: (row: number, column: number, channel: number) => number): Pixels => {
  const values = new Float32Array(2 * 3 * 3);
  for (let i = 0; i < values.length; i++) values[i] = value(Math.floor(i / 9), Math.floor(i / 3) % 3, i % 3);
  return { values, height: 2, width: 3 };
};

const clean = pixels((row, column, channel) => (row + column + channel) / 10);
const image: AttackedImage = {
  label: 'cat & <dog>',
  clean,
  // One value rises by the radius, one falls by half of it.
  adversarial: {
    ...clean,
    values: clean.values.map((value, i) => value + (i === 0 ? 8 / 255 : i === 4 ? -4 / 255 : 0)),
  },
  predictions: {
    student: {
      clean: { label: 'cat & <dog>', probability: 0.916 },
      adversarial: { label: 'ship', probability: 0.5 },
    },
  },
};

const pictures = async (html: string): Promise<{ data: Buffer; width: number; height: number }[]> =>
  Promise.all(
    [...html.matchAll(/src="data:image\/png;base64,([^"]+)"/g)].map(async ([, base64]) => {
      const { data, info } = await sharp(Buffer.from(base64!, 'base64')).raw().toBuffer({ resolveWithObject: true });
      return { data, width: info.width, height: info.height };
    }),
  );

test('image grid: clean, adversarial and the amplified difference, in whole squares', async () => {
  const bundle = await imageGrid([image], { title: 'PGD', size: 12 })[displaySymbol]();
  const html = String(bundle['text/html']);
  const [first, second, third] = await pictures(html);
  for (const { width, height } of [first!, second!, third!]) assert.deepEqual([width, height], [12, 8]);
  const at = ({ data }: { data: Buffer }, row: number, column: number): number[] => [
    ...data.subarray((row * 12 + column) * 3, (row * 12 + column) * 3 + 3),
  ];
  assert.deepEqual(at(first!, 0, 0), [0, 26, 51]);
  assert.deepEqual(at(first!, 3, 3), [0, 26, 51], 'a pixel is a square');
  assert.deepEqual(at(first!, 4, 8), [77, 102, 128]);
  assert.deepEqual(at(second!, 0, 0), [8, 26, 51]);
  assert.deepEqual(at(third!, 0, 0), [255, 128, 128], 'the largest change is white');
  assert.deepEqual(at(third!, 0, 4), [128, 64, 128], 'half of it, downwards');
  assert.deepEqual(at(third!, 7, 11), [128, 128, 128], 'grey where nothing changed');
  assert.match(html, /difference × 16/);
  assert.match(html, /largest change 8\.0\/255/);
});

test('image grid: right and wrong are signs, text is only text', async () => {
  const bundle = await imageGrid([image, { ...image, predictions: {} }])[displaySymbol]();
  const html = String(bundle['text/html']).replaceAll('\u00a0', ' ');
  assert.match(html, /clean: ✓ cat &#38; &#60;dog&#62; 92 %<br>attacked: ✗ ship 50 %/);
  assert.match(html, /<td>–<\/td><\/tr>/);
  assert.doesNotMatch(html, /<dog>|<script|onerror|<svg/);
  assert.match(String(bundle['text/plain']).replaceAll('\u00a0', ' '), /✓ cat & <dog> 92 % +✗ ship 50 %/);
});

test('image grid: nothing changed, and images that do not fit', async () => {
  const same = { ...image, adversarial: clean };
  const bundle = await imageGrid([same])[displaySymbol]();
  assert.match(String(bundle['text/html']), /largest change 0\.0\/255/);
  const short = { ...clean, values: clean.values.subarray(1) };
  assert.throws(() => imageGrid([{ ...image, adversarial: short }]), /17 values for 2 × 3 × 3/);
});
