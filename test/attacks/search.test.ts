import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { apgdCe, apgdTargeted } from '../../src/attacks/apgd.js';
import { programSize, type Attack } from '../../src/attacks/attack.js';
import { fabTargeted } from '../../src/attacks/fab.js';
import { pgdSat } from '../../src/attacks/pgd.js';
import { square } from '../../src/attacks/square.js';
import { runAttack, smallSubject } from './networks.js';

const subject = smallSubject(36);
const epsilon = 1 / 255;
const attacks: Attack[] = [
  pgdSat(epsilon),
  apgdCe({ epsilon, iterations: 12, restarts: 2 }),
  apgdTargeted({ epsilon, iterations: 8 }),
  fabTargeted({ epsilon, iterations: 8 }),
  square({ epsilon, queries: 30 }),
];

test('programs are of a multiple of 16, with the least to fill up', () => {
  assert.deepEqual(
    [
      [1, 1],
      [16, 128],
      [130, 128],
      [193, 128],
      [256, 128],
      [10_000, 64],
    ].map(([count, most]) => programSize(count!, most!)),
    [16, 16, 80, 112, 128, 64],
  );
});

/**
 * Asserts that two runs found the same images. To the bit where kernels are as those that were looked at; elsewhere a sign
 * of a slope near zero may turn out otherwise.
 */
const assertSameFound = (
  actual: ReadonlyMap<number, Float32Array>,
  expected: ReadonlyMap<number, Float32Array>,
  what: string,
): void => {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort(), what);
  for (const [point, image] of expected) {
    const other = actual.get(point)!;
    const same = image.filter((value, i) => Math.abs(value - other[i]!) < 1e-6).length;
    assert.ok(same >= 0.99 * image.length, `${what}: ${same} of ${image.length} values of point ${point}`);
  }
};

for (const attack of attacks) {
  test(`${attack.name}: what is found does not depend on the batch, and nothing is left behind`, async () => {
    const before = tf.memory().numTensors;
    const [all, some, few] = [
      await runAttack(attack, subject, { batchSize: 64 }),
      await runAttack(attack, subject, { batchSize: 20 }),
      await runAttack(attack, subject, { batchSize: 1 }),
    ];
    assert.equal(tf.memory().numTensors, before);
    const everyPoint = Array.from({ length: 36 }, (_, i) => i);
    for (const { finished } of [all, some, few]) {
      assert.deepEqual(
        [...finished].sort((a, b) => a - b),
        everyPoint,
        'each point is finished once',
      );
    }
    if (attack.name !== 'pgd-sat') assert.ok(all.found.size > 0 && all.found.size < 36, `${all.found.size} of 36`);
    assertSameFound(some.found, all.found, 'batches of 20');
    assertSameFound(few.found, all.found, 'batches of 1');
  });
}

test('kernel by kernel and as a graph, the same is found', async () => {
  const before = tf.memory().numTensors;
  for (const attack of attacks) {
    const graph = await runAttack(attack, subject);
    const eager = await runAttack(attack, subject, { eager: true });
    assertSameFound(eager.found, graph.found, attack.name);
  }
  assert.equal(tf.memory().numTensors, before);
});

test('an interrupted attack frees what it holds', async () => {
  const before = tf.memory().numTensors;
  for (const attack of attacks) {
    let calls = 0;
    await assert.rejects(
      runAttack(attack, subject, {
        batchSize: 8,
        pause: () => (++calls === 2 ? Promise.reject(new Error('stopped')) : Promise.resolve()),
      }),
      /stopped/,
    );
  }
  assert.equal(tf.memory().numTensors, before);
});

test('no points, no reports', async () => {
  const none = { ...subject, set: { ...subject.set, length: 0 } };
  for (const attack of attacks) assert.equal((await runAttack(attack, none)).found.size, 0);
});
