import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { chooseRows } from '../../src/engine/choose-rows.js';

test('chooseRows takes whole samples by the mask, of every rank', () => {
  tf.tidy(() => {
    const mask = tf.tensor1d([true, false, true], 'bool');
    for (const shape of [[3], [3, 2], [3, 2, 2, 3]]) {
      const size = shape.reduce((product, length) => product * length, 1);
      const chosen = tf.tensor(
        Float32Array.from({ length: size }, (_, i) => i + 1),
        shape,
      );
      const other = tf.neg(chosen);
      const expected = Array.from({ length: size }, (_, i) => (Math.floor((3 * i) / size) === 1 ? -1 : 1) * (i + 1));
      assert.deepEqual([...chooseRows(mask, chosen, other).dataSync()], expected);
    }
  });
});
