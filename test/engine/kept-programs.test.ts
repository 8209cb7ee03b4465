import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import type { Tensors } from '../../src/engine/gradient.js';
import { keepPrograms } from '../../src/engine/kept-programs.js';
import { createProgram } from '../../src/engine/program.js';

after(() => {
  keepPrograms(0);
});

let recorded = 0;
/** A program that multiplies by its variable, and counts how often. */
const times = (factor: number, key: string | undefined) => {
  const initial = { factor: tf.scalar(factor), calls: tf.scalar(0) };
  const program = createProgram(
    initial,
    {
      multiply: {
        inputs: { x: { shape: [2] } },
        run({ factor: by, calls }: Tensors, { x }: Readonly<Record<'x', tf.Tensor>>) {
          recorded++;
          return { outputs: { product: tf.mul(x, by!) }, updates: { calls: tf.add(calls!, 1) } };
        },
      },
    },
    { eager: false, key },
  );
  tf.dispose(initial);
  return program;
};
const multiply = (program: ReturnType<typeof times>): number[] =>
  tf.tidy(() => Array.from(program.call('multiply', { x: tf.tensor1d([1, 2]) })['product']!.dataSync()));
const callsOf = (program: ReturnType<typeof times>): number =>
  tf.tidy(() => program.read(['calls'])['calls']!.dataSync()[0]!);
const recordingsOf = (work: () => void): number => {
  const before = recorded;
  work();
  return recorded - before;
};
const use = (factor: number, key: string | undefined): void => {
  const program = times(factor, key);
  assert.deepEqual(multiply(program), [factor, 2 * factor]);
  assert.deepEqual(multiply(program), [factor, 2 * factor]);
  assert.equal(callsOf(program), 2, 'it begins with its own values');
  program.dispose();
  assert.throws(() => multiply(program), /it was disposed/);
};

test('by default no program is kept', () => {
  assert.equal(
    recordingsOf(() => {
      use(3, 'a');
      use(4, 'a');
    }),
    2,
  );
});

test('a kept program is taken for other values of the same key, and for nothing else', () => {
  const tensors = tf.memory().numTensors;
  keepPrograms(2);
  assert.equal(
    recordingsOf(() => {
      use(3, 'b');
      use(4, 'b');
      use(-1, 'b');
    }),
    1,
  );
  assert.equal(
    recordingsOf(() => {
      use(3, 'c');
      use(3, undefined);
      use(4, undefined);
    }),
    3,
  );
  // Two at a time of one key are two programs.
  const first = times(5, 'b');
  const second = times(6, 'b');
  assert.deepEqual(
    [multiply(first), multiply(second)],
    [
      [5, 10],
      [6, 12],
    ],
  );
  first.dispose();
  first.dispose();
  second.dispose();
  // As many as are asked for: what was let go longest ago is recorded anew.
  assert.equal(
    recordingsOf(() => {
      use(1, 'c');
    }),
    1,
  );
  keepPrograms(0);
  assert.equal(
    recordingsOf(() => {
      use(1, 'b');
    }),
    1,
  );
  assert.equal(tf.memory().numTensors, tensors);
});

test('variables of another shape are another program', () => {
  keepPrograms(2);
  const sized = (size: number) => {
    const initial = { sum: tf.zeros([size]) };
    const program = createProgram(
      initial,
      {
        add: {
          inputs: { x: { shape: [1] } },
          run: ({ sum }: Tensors, { x }: Readonly<Record<'x', tf.Tensor>>) => ({ updates: { sum: tf.add(sum!, x) } }),
        },
      },
      { eager: false, key: 'sized' },
    );
    tf.dispose(initial);
    return program;
  };
  for (const size of [2, 3, 2]) {
    const program = sized(size);
    tf.tidy(() => {
      program.call('add', { x: tf.tensor1d([1]) });
      assert.deepEqual(Array.from(program.read(['sum'])['sum']!.dataSync()), new Array(size).fill(1));
    });
    program.dispose();
  }
});
