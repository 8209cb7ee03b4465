import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { createProgram } from '../../src/engine/program.js';
import { createRng } from '../../src/random.js';
import { sgd } from '../../src/training/sgd.js';
import { assertClose } from '../oracle.js';

const size = 50;

/** torch.optim.SGD as its documentation writes it, in double precision: dampening 0, no Nesterov. */
const byTheBook = (
  start: Float32Array,
  gradients: readonly Float32Array[],
  rates: readonly number[],
  { momentum, weightDecay }: { momentum: number; weightDecay: number },
): number[] => {
  const w = Array.from(start);
  let buffer: number[] | undefined;
  for (const [t, gradient] of gradients.entries()) {
    const g = w.map((value, i) => gradient[i]! + weightDecay * value);
    const before = buffer;
    buffer = before ? g.map((value, i) => momentum * before[i]! + value) : g;
    for (let i = 0; i < size; i++) w[i]! -= rates[t]! * buffer[i]!;
  }
  return w;
};

for (const eager of [true, false]) {
  for (const options of [
    { momentum: 0.9, weightDecay: 2e-2 },
    { momentum: 0.9, weightDecay: 0 },
    { momentum: 0, weightDecay: 2e-2 },
  ]) {
    const { momentum, weightDecay } = options;
    const how = `momentum ${momentum}, weight decay ${weightDecay}${eager ? ', eager' : ''}`;
    test(`sgd: PyTorch's rule over steps of different rates, ${how}`, () => {
      const rng = createRng(1);
      const start = rng.normals(size);
      const gradients = Array.from({ length: 4 }, () => rng.normals(size));
      const rates = [0.1, 0.1, 0.01, 0.05];
      tf.tidy(() => {
        const optimiser = sgd(options);
        const program = createProgram(
          { w: tf.tensor1d(start), ...optimiser.init({ w: tf.tensor1d(start) }) },
          {
            step: {
              inputs: { gradient: { shape: [size] }, rate: { shape: [] } },
              run: (variables, { gradient, rate }) => ({
                updates: optimiser.update(variables, { w: gradient! }, rate!),
              }),
            },
          },
          { eager },
        );
        for (const [t, gradient] of gradients.entries()) {
          program.call('step', { gradient: tf.tensor1d(gradient), rate: tf.scalar(rates[t]!) });
        }
        const reached = program.read(['w'])['w']!.dataSync();
        program.dispose();
        assertClose(reached, byTheBook(start, gradients, rates, options), 1e-6, 'weights');
        // It moved by more than the tolerance.
        assert.ok(reached.some((value, i) => Math.abs(value - start[i]!) > 0.1));
      });
    });
  }
}
