import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { readOut } from '../../src/engine/read-out.js';

test('readOut returns what was read, and frees every tensor that was made, also where something throws', () => {
  const before = tf.memory().numTensors;
  const { sum, values } = readOut(() => {
    const x = tf.tensor1d([1, 2, 3]);
    return { sum: tf.sum(x).dataSync()[0], values: tf.mul(x, 2).dataSync() };
  });
  assert.deepEqual([sum, [...values]], [6, [2, 4, 6]]);
  assert.throws(
    () =>
      readOut(() => {
        tf.zeros([2]);
        throw new Error('no');
      }),
    /no/,
  );
  assert.equal(tf.memory().numTensors, before);
});
