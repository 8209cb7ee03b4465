import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import type { Attack } from '../../src/attacks/attack.js';
import { pgdSat } from '../../src/attacks/pgd.js';
import { createImageSet } from '../../src/data/image-set.js';
import { UserError } from '../../src/errors.js';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { createNetwork } from '../../src/models/network.js';
import { attackedImages } from '../../src/views/attacked-images.js';
import { createRng } from '../../src/random.js';

const classes = ['a', 'b', 'c'];
const network = createNetwork('cifar-resnet-8', { classes: classes.length, width: 0.25 });
const size = 32 * 32 * 3;
const count = 24;
const set = createImageSet({
  name: 'synthetic',
  part: 'test',
  length: count,
  height: 32,
  width: 32,
  classes,
  pixels: Uint8Array.from(createRng(3).uniforms(count * size, 0, 256)),
  labels: Uint8Array.from({ length: count }, (_, i) => i % 3),
});
const subjects: Record<string, { network: typeof network; weights: Record<string, tf.Tensor> }> = {};
before(() => {
  for (const [i, name] of ['student', 'teacher'].entries()) {
    subjects[name] = { network, weights: network.initialise(createRng(i)) };
  }
});
after(() => {
  tf.dispose(Object.values(subjects).map(({ weights }) => weights));
});

const indices = [5, 0, 17, 11, 20, 2];

test('the images and the answers are those of an evaluation with the same seed', async () => {
  const tensors = tf.memory().numTensors;
  const images = await attackedImages({ networks: subjects, attack: pgdSat(), set, indices, seed: 7 });
  assert.equal(tf.memory().numTensors, tensors, 'no tensor is left behind');
  const { attacks } = await evaluate({ ...subjects['student']!, set, indices, attacks: ['pgd-sat'], seed: 7 });
  assert.deepEqual(
    images.map(({ label }) => label),
    indices.map((index) => classes[index % 3]),
  );
  images.forEach(({ label, clean, adversarial, predictions }, i) => {
    const { student, teacher } = predictions;
    assert.equal(Number(student!.clean.label === label), attacks['clean']!.outcome[i]);
    if (attacks['clean']!.outcome[i] === 1) {
      assert.equal(Number(student!.adversarial.label === label), attacks['pgd-sat']!.outcome[i], `image ${i}`);
    }
    for (const { probability } of [student!.clean, teacher!.clean, teacher!.adversarial]) {
      assert.ok(probability > 1 / 3 && probability <= 1);
    }
    const change = adversarial.values.map((value, j) => Math.abs(value - clean.values[j]!));
    assert.ok(Math.max(...change) <= 8 / 255 + 1e-6 && Math.max(...change) > 7 / 255);
    assert.ok(adversarial.values.every((value) => value >= 0 && value <= 1));
  });
});

test('an attack that leaves the ball is brought back to it', async () => {
  const wild: Attack = {
    name: 'wild',
    epsilon: 1 / 255,
    run: (_target, points, { report, finished }) => {
      for (let point = 0; point < points.length; point++) {
        report(point, new Float32Array(size).fill(5));
        finished(point);
      }
      return Promise.resolve();
    },
  };
  const [image] = await attackedImages({ networks: subjects, attacked: 'teacher', attack: wild, set, indices: [4] });
  const { clean, adversarial } = image!;
  clean.values.forEach((value, i) => {
    assert.ok(Math.abs(adversarial.values[i]! - Math.min(1, value + 1 / 255)) < 1e-6);
  });
});

test('a network that is not among them is refused', async () => {
  await assert.rejects(
    attackedImages({ networks: subjects, attacked: 'pupil', attack: pgdSat(), set, indices }),
    (error) => error instanceof UserError && error.message.endsWith('Given are student, teacher.'),
  );
});
