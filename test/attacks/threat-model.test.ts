import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { linf } from '../../src/attacks/geometry.js';
import { moveIntoBall, startNoise } from '../../src/attacks/threat-model.js';
import { UserError } from '../../src/errors.js';
import '../../src/engine/backend.js';
import { createRng } from '../../src/random.js';

const images = (values: ArrayLike<number>): tf.Tensor4D => tf.tensor4d(Array.from(values), [1, 2, 2, 3]);

test('what is moved into the ball lies in [x − ε, x + ε] and in [0, 1], exactly in float32, and moves no further', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      // TensorFlow takes subnormal numbers as zero.
      fc.array(
        fc.float({ noNaN: true }).map((value) => (Math.abs(value) < 2 ** -126 ? 0 : value)),
        { minLength: 12, maxLength: 12 },
      ),
      fc.constantFrom(0.5 / 255, 2 / 255, 8 / 255, 0.3),
      (bytes, wild, epsilon) => {
        const x = Float32Array.from(bytes, (byte) => byte / 255);
        const radius = Math.fround(epsilon);
        for (const moved of [
          tf.tidy(() => moveIntoBall(images(wild), images(x), epsilon).dataSync()),
          tf.tidy(() => linf.project(images(wild), linf.anchor(images(x), epsilon)).dataSync()),
        ]) {
          moved.forEach((value, i) => {
            const low = Math.max(Math.fround(x[i]! - radius), 0);
            const high = Math.min(Math.fround(x[i]! + radius), 1);
            assert.equal(value, Math.min(Math.max(wild[i]!, low), high), `value ${i}`);
          });
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('starts are drawn as they are published', () => {
  const size = 4000;
  const epsilon = 8 / 255;
  const uniform = startNoise('uniform', size, epsilon, createRng(1));
  assert.ok(uniform.every((value) => Math.abs(value) <= epsilon));
  assert.ok(uniform.some((value) => value > 0.95 * epsilon) && uniform.some((value) => value < -0.95 * epsilon));
  const gaussian = startNoise('gaussian', size, epsilon, createRng(1));
  const deviation = Math.sqrt(gaussian.reduce((sum, value) => sum + value * value, 0) / size);
  assert.ok(Math.abs(deviation - 0.001) < 5e-5, `${deviation}`);
  assert.ok(startNoise('clean', size, epsilon, createRng(1)).every((value) => value === 0));
  assert.throws(() => startNoise('nowhere' as never, size, epsilon, createRng(1)), UserError);
  const direction = linf.direction(size, createRng(1));
  assert.equal(Math.max(...direction.map(Math.abs)), 1);
});
