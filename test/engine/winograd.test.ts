import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import '../../src/engine/backend.js';
import { convolution } from '../../src/engine/convolution.js';
import { gradients } from '../../src/engine/gradient.js';
import { winogradConvolution } from '../../src/engine/winograd.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';

const normals = (seed: number, shape: number[]): tf.Tensor =>
  tf.tensor(createRng(seed).normals(tf.util.sizeFromShape(shape)), shape);

test('winograd: the convolution and its gradients, at every size and batch', () => {
  const any = fc.record({
    batch: fc.integer({ min: 1, max: 5 }),
    size: fc.integer({ min: 1, max: 9 }),
    inputs: fc.integer({ min: 1, max: 9 }),
    outputs: fc.integer({ min: 1, max: 9 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(any, ({ batch, size, inputs, outputs, seed }) => {
      tf.tidy(() => {
        const x = normals(seed, [batch, size, size, inputs]) as tf.Tensor4D;
        const filter = normals(seed + 1, [3, 3, inputs, outputs]) as tf.Tensor4D;
        const dy = normals(seed + 2, [batch, size, size, outputs]);
        const of = (y: () => tf.Tensor) => {
          const { gradients: slopes, aux } = gradients(
            () => {
              const result = y();
              return { value: tf.sum(tf.mul(result, dy)), aux: { y: result } };
            },
            { x, filter },
          );
          return [aux.y, slopes.x, slopes.filter];
        };
        const wanted = of(() => convolution(x, filter, { padding: 1 }));
        for (const [i, actual] of of(() => winogradConvolution(x, filter)).entries()) {
          assertClose(actual.dataSync(), wanted[i]!.dataSync(), 1e-5, ['y', 'dx', 'dfilter'][i]!);
        }
      });
    }),
    { numRuns: 40 },
  );
});

test('winograd: it rounds to six digits of what comes out', () => {
  const [size, channels] = [4, 512];
  const x = createRng(1).normals(size * size * channels);
  const filter = createRng(2).normals(9 * channels * channels);
  // One output channel by the definition, in double precision.
  const exact = Array.from({ length: size * size }, (_, pixel) => {
    let total = 0;
    for (let tap = 0; tap < 9; tap++) {
      const [row, column] = [Math.floor(pixel / size) + Math.floor(tap / 3) - 1, (pixel % size) + (tap % 3) - 1];
      if (row < 0 || row >= size || column < 0 || column >= size) continue;
      for (let c = 0; c < channels; c++) {
        total += x[(row * size + column) * channels + c]! * filter[(tap * channels + c) * channels]!;
      }
    }
    return total;
  });
  const scale = Math.sqrt(9 * channels);
  const error = (run: typeof convolution): number =>
    tf.tidy(() => {
      const y = run(tf.tensor4d(x, [1, size, size, channels]), tf.tensor4d(filter, [3, 3, channels, channels]), {
        padding: 1,
      });
      const values = y.dataSync();
      return Math.max(...exact.map((value, pixel) => Math.abs(values[pixel * channels]! - value))) / scale;
    });
  const winograd = error((image, taps) => winogradConvolution(image, taps));
  assert.ok(winograd > 0 && winograd < 6e-6, `${winograd} of the outputs' standard deviation`);
});
