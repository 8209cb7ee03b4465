import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { gradients } from '../../src/engine/gradient.js';

test('whatever throws inside, no tensor is left behind', () => {
  const x = tf.tensor1d([1, 2]);
  const before = tf.memory().numTensors;
  assert.throws(
    () =>
      gradients(
        () => {
          // The tape keeps what its backward pass would need.
          tf.mul(tf.exp(x), x);
          throw new Error('midway');
        },
        { x },
      ),
    /midway/,
  );
  assert.equal(tf.memory().numTensors, before, 'after a throw in the forward pass');
  assert.throws(
    () => gradients(() => ({ value: tf.scalar(1), aux: { twice: tf.mul(x, 2) } }), { x }),
    /Cannot compute gradient|does not depend on x/,
  );
  assert.equal(tf.memory().numTensors, before, 'after a gradient that there is not');
  const { gradients: slopes } = gradients(() => ({ value: tf.sum<tf.Scalar>(tf.square(x)) }), { x });
  assert.deepEqual([...slopes.x.dataSync()], [2, 4], 'and it works on');
  tf.dispose(slopes);
  tf.dispose(x);
});
