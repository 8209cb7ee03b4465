import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { datasetIdentity, loadDataset, loadPart } from '../../src/data/datasets.js';
import { createImageSet } from '../../src/data/image-set.js';
import { repositoryRoot } from '../../src/data/location.js';
import { splitRecords } from '../../src/data/records.js';
import {
  makeSynthetic,
  syntheticClasses,
  syntheticLayout,
  syntheticPattern,
  syntheticSettings,
} from '../../src/data/synthetic.js';
import { createRng } from '../../src/random.js';
import { probeAccuracy, trainRobustProbe } from './linear-probes.js';
import { everythingIn, temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const classes = syntheticClasses.length;
const epsilon = 8 / 255;
const begun = performance.now();
const bytes = { train: makeSynthetic('train'), test: makeSynthetic('test') };
const seconds = (performance.now() - begun) / 1000;
const train = splitRecords(bytes.train, syntheticLayout);
const held = splitRecords(bytes.test, syntheticLayout);

test('the same bytes on every machine: those that data.dvc pins', () => {
  const { outs } = parse(readFileSync(join(repositoryRoot(), 'data.dvc'), 'utf8')) as {
    outs: { path: string; md5: string }[];
  };
  for (const part of ['train', 'test'] as const) {
    const pinned = outs.find(({ path }) => path === `data/synthetic/${part}.bin`)?.md5;
    const found = createHash('md5').update(bytes[part]).digest('hex');
    assert.equal(
      found,
      pinned,
      'the generator makes other bytes: `npx ciard data import synthetic`, then `npx ciard data verify` says how to pin it',
    );
  }
});

test('made in seconds, the classes in equal numbers', () => {
  assert.ok(seconds < 30, `${seconds} s`);
  for (const { labels } of [train, held]) {
    const counts = new Array<number>(classes).fill(0);
    for (const label of labels) counts[label]!++;
    assert.ok(counts.every((count) => count === labels.length / classes));
  }
});

test('a larger part begins with the images of a smaller one, another seed makes others', () => {
  const small = makeSynthetic('test', { records: 20 });
  const large = makeSynthetic('test', { records: 40 });
  const images = (of: Buffer): Set<string> => {
    const { pixels, labels } = splitRecords(of, syntheticLayout);
    return new Set(
      [...labels.keys()].map((i) => Buffer.from(pixels.subarray(i * 3072, (i + 1) * 3072)).toString('latin1')),
    );
  };
  const [few, many, others] = [images(small), images(large), images(makeSynthetic('test', { records: 40, seed: 2 }))];
  assert.equal(few.size, 20);
  for (const image of few) assert.ok(many.has(image));
  for (const image of others) assert.ok(!many.has(image));
  for (const image of images(makeSynthetic('train', { records: 40 }))) assert.ok(!many.has(image));
});

test('patterns: ±1 with mean 0, two classes agree in at most one channel and are uncorrelated in the others', () => {
  const patterns = syntheticClasses.map((_, label) => syntheticPattern(label));
  const dot = (a: Int8Array, b: Int8Array, channel: number): number => {
    let sum = 0;
    for (let i = channel * 1024; i < (channel + 1) * 1024; i++) sum += a[i]! * b[i]!;
    return sum;
  };
  patterns.forEach((a, label) => {
    assert.ok(a.every((value) => Math.abs(value) === 1));
    for (let channel = 0; channel < 3; channel++) {
      assert.equal(
        a.subarray(channel * 1024, (channel + 1) * 1024).reduce((sum, value) => sum + value, 0),
        0,
      );
    }
    for (const b of patterns.slice(label + 1)) {
      const dots = [0, 1, 2].map((channel) => dot(a, b, channel));
      assert.ok(dots.every((value) => value === 0 || value === 1024));
      assert.ok(dots.filter((value) => value !== 0).length <= 1);
    }
  });
});

test('the pattern is within reach of ε = 8/255: it can be erased and another written, in every pixel', () => {
  assert.ok(2 * syntheticSettings.patternAmplitude <= 8);
});

test('non-robust: a matched filter reads the pattern at once, and ε = 8/255 leaves nothing of it', () => {
  const probe = {
    weights: syntheticClasses.map((_, label) => Float64Array.from(syntheticPattern(label))),
    biases: new Float64Array(classes),
  };
  const images = [...held.labels.keys()].map((i) =>
    Float64Array.from(held.pixels.subarray(i * 3072, (i + 1) * 3072), (byte) => byte / 255),
  );
  const { clean, robust } = probeAccuracy(probe, images, held.labels, epsilon);
  assert.ok(clean >= 0.99, `clean ${clean}`);
  assert.ok(robust <= 0.01, `robust ${robust}`);
});

/** Images averaged to 8 × 8: `[3, 8, 8]` in [0, 1] about their mean. A change of ε in the image is at most ε here. */
const coarse = (pixels: Uint8Array, count: number): Float64Array[] =>
  Array.from({ length: count }, (_, n) => {
    const features = new Float64Array(192);
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < 32; y++) {
        for (let x = 0; x < 32; x++) {
          features[c * 64 + (y >> 2) * 8 + (x >> 2)]! += pixels[n * 3072 + c * 1024 + y * 32 + x]! / (16 * 255);
        }
      }
    }
    return features.map((value) => value - 0.4);
  });

test('robust: coarse shape and colour tell the class far better than chance, provably within ε = 8/255', () => {
  const rng = createRng(1);
  const probe = trainRobustProbe(coarse(train.pixels, train.labels.length), train.labels, classes, {
    epsilon,
    epochs: 8,
    rate: 0.3,
    rng,
  });
  const { clean, robust } = probeAccuracy(probe, coarse(held.pixels, held.labels.length), held.labels, epsilon);
  // Chance is 10 %. This is a lower bound: a linear reading of 8 × 8 averages knows nothing of shapes that move about.
  assert.ok(clean >= 0.3, `clean ${clean}`);
  assert.ok(robust >= 0.2, `robust ${robust}`);
});

test('the pattern is not in the coarse averages: only the robust features are', () => {
  // The carriers of period 2 and 4 have mean 0 over every 4 × 4 block.
  for (let label = 0; label < classes; label++) {
    const pattern = Uint8Array.from(syntheticPattern(label), (value) => 128 + value);
    const flat = coarse(pattern, 1)[0]!;
    assert.ok(flat.every((value) => Math.abs(value - flat[0]!) < 1e-12));
  }
});

test('absent, it is made on first use; made with other settings, it is made anew', async () => {
  const root = join(folder, 'data');
  const first = await loadDataset('synthetic', { root });
  assert.deepEqual([first.train.length, first.test.length], [5000, 1000]);
  assert.deepEqual(first.train.classes, syntheticClasses);
  assert.deepEqual(first.test.pixels, held.pixels);
  assert.deepEqual(everythingIn(root), [
    'synthetic',
    'synthetic/dataset.json',
    'synthetic/test.bin',
    'synthetic/train.bin',
  ]);
  assert.deepEqual(await datasetIdentity('synthetic', { root }), {
    name: 'synthetic',
    train: { images: 5000, md5: first.train.md5 },
    test: { images: 1000, md5: first.test.md5 },
    whole: true,
  });
  const path = join(root, 'synthetic', 'dataset.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { settings: Record<string, number> };
  writeFileSync(path, JSON.stringify({ ...manifest, settings: { ...manifest.settings, seed: 99 } }));
  assert.deepEqual((await loadPart('synthetic', 'test', { root })).labels, held.labels);
  assert.equal((JSON.parse(readFileSync(path, 'utf8')) as typeof manifest).settings['seed'], syntheticSettings.seed);
});

test('an empty folder in its place is no data set: it is made', async () => {
  const root = join(folder, 'empty');
  mkdirSync(join(root, 'synthetic'), { recursive: true });
  assert.equal((await loadPart('synthetic', 'test', { root })).length, 1000);
});

test('a set that is put together in memory has the MD5 that its file would have', async () => {
  const { md5, ...set } = await loadPart('synthetic', 'test', { root: join(folder, 'data') });
  assert.equal(createImageSet(set).md5, md5);
});
