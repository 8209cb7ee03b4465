import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { tensorflow } from '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { gradients } from '../../src/engine/gradient.js';
import { createProgram } from '../../src/engine/program.js';
import { crossEntropy } from '../../src/engine/softmax.js';
import { UserError } from '../../src/errors.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { sgd } from '../../src/training/sgd.js';

const values = (tensors: Readonly<Record<string, tf.Tensor>>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, Array.from(tensor.dataSync())]));

/** Their bits, as digests: variables have millions of values. */
const digests = (tensors: Readonly<Record<string, tf.Tensor>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, createHash('sha1').update(tensor.dataSync()).digest('hex')]),
  );

const counter = (eager: boolean) =>
  createProgram(
    { count: tf.scalar(1), other: tf.tensor1d([1, 2]) },
    {
      add: {
        inputs: { by: { shape: [] } },
        run: ({ count, other }, { by }) => ({
          outputs: { before: count!, doubled: tf.mul(other!, 2) },
          updates: { count: tf.add(count!, by!), other: tf.mul(other!, tf.add(count!, by!)) },
        }),
      },
    },
    { eager },
  );

for (const eager of [true, false]) {
  const way = eager ? 'eager' : 'as a graph';

  test(`a call sees the variables as they were before it, ${way}`, () => {
    const program = counter(eager);
    const by = tf.scalar(2);
    tf.tidy(() => {
      assert.deepEqual(values(program.call('add', { by })), { before: [1], doubled: [2, 4] });
      assert.deepEqual(values(program.call('add', { by })), { before: [3], doubled: [6, 12] });
      assert.deepEqual(values(program.read()), { count: [5], other: [15, 30] });
      program.write({ count: tf.scalar(10) });
      assert.deepEqual(values(program.read(['count'])), { count: [10] });
    });
    program.dispose();
  });

  test(`wrong inputs are named, ${way}`, () => {
    const program = counter(eager);
    assert.throws(
      () => program.call('add', { by: tf.tensor1d([1]) }),
      /by is float32 \[1\], but the program was made for float32 \[\]/,
    );
    assert.throws(() => program.call('add', {} as { by: tf.Tensor }), /by is missing/);
    assert.throws(() => {
      program.write({ nothing: tf.scalar(1) });
    }, /there is no variable nothing/);
    assert.throws(() => {
      program.write({ count: tf.tensor1d([1, 2]) });
    }, /the new value of count is float32 \[2\]/);
    program.dispose();
  });

  test(`variables don't share memory with the arrays they were set from, ${way}`, () => {
    const array = Float32Array.of(1, 1);
    const optimiser = sgd({ momentum: 0.9, weightDecay: 0.5 });
    const program = createProgram(
      { weight: tf.tensor1d(array), ...optimiser.init({ weight: tf.zeros([2]) }) },
      {
        step: {
          inputs: { rate: { shape: [] } },
          run: (variables, { rate }) => ({
            updates: optimiser.update(variables, { weight: tf.onesLike(variables['weight']!) }, rate!),
          }),
        },
      },
      { eager },
    );
    const rate = tf.scalar(0.5);
    for (let i = 0; i < 3; i++) program.call('step', { rate });
    assert.deepEqual([...array], [1, 1]);
    // PyTorch: torch.optim.SGD([w], lr=.5, momentum=.9, weight_decay=.5) with gradient 1, three steps from 1.
    let [weight, buffer] = [1, 0];
    for (let i = 0; i < 3; i++) {
      buffer = 0.9 * buffer + (1 + 0.5 * weight);
      weight -= 0.5 * buffer;
    }
    const [reached] = program.read(['weight'])['weight']!.dataSync();
    assert.ok(Math.abs(reached! - weight) < 1e-6, `${reached!}, expected ${weight}`);
    program.dispose();
  });
}

for (const [architecture, width] of [
  ['resnet18', 1],
  ['mobilenetv2', 0.5],
  ['wrn-10-1', 1],
  ['cifar-resnet-8', 1],
] as const) {
  test(`${architecture}: training steps as a graph equal eager ones bit for bit`, () => {
    const before = tf.memory().numTensors;
    const sessions = (tensorflow().binding as unknown as { getNumOfSavedModels(): number }).getNumOfSavedModels();
    const network = createNetwork(architecture, { width });
    const results = [true, false].map((eager) => {
      const weights = network.initialise(createRng(3));
      const optimiser = sgd({ momentum: 0.9, weightDecay: 2e-4 });
      const trained = Object.fromEntries(network.trainable.map((name) => [name, weights[name]!]));
      const variables: Record<string, tf.Tensor> = { ...weights, ...optimiser.init(trained) };
      const program = createProgram(
        variables,
        {
          step: {
            inputs: { x: { shape: [4, 32, 32, 3] }, labels: { shape: [4], dtype: 'int32' }, rate: { shape: [] } },
            run(state, { x, labels, rate }) {
              const result = gradients(
                () => {
                  const { logits, statistics } = network.train(state, x as tf.Tensor4D);
                  return { value: tf.mean(crossEntropy(logits, labels as tf.Tensor1D)), aux: statistics };
                },
                Object.fromEntries(network.trainable.map((name) => [name, state[name]!])),
              );
              return {
                outputs: { loss: result.value },
                updates: {
                  ...result.aux,
                  ...optimiser.update(state, result.gradients, rate!),
                },
              };
            },
          },
        },
        { eager },
      );
      tf.dispose(variables);
      const inputs = {
        x: tf.tensor4d(createRng(4).uniforms(4 * 3072), [4, 32, 32, 3]),
        labels: tf.tensor1d([0, 1, 2, 3], 'int32'),
        rate: tf.scalar(0.01),
      };
      const losses = [0, 1, 2].map(() => tf.tidy(() => program.call('step', inputs)['loss']!.dataSync()[0]!));
      const reached = tf.tidy(() => digests(program.read()));
      program.dispose();
      tf.dispose(inputs);
      return { losses, reached };
    });
    assert.deepEqual(results[1], results[0]);
    assert.ok(results[0]!.losses[2]! < results[0]!.losses[0]!);
    assert.equal(tf.memory().numTensors, before);
    assert.equal(
      (tensorflow().binding as unknown as { getNumOfSavedModels(): number }).getNumOfSavedModels(),
      sessions,
    );
  });
}

test('compile records once for each signature and equals the function itself', () => {
  let runs = 0;
  const f = compile(({ x, parts }: { x: tf.Tensor; parts: tf.Tensor[] }, factor: number) => {
    runs++;
    return { scaled: tf.mul(x, factor), sums: parts.map((part) => tf.sum(part)), factor };
  });
  const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const parts = [tf.tensor1d([1, 2]), tf.tensor1d([3])];
  tf.tidy(() => {
    for (let i = 0; i < 3; i++) {
      const result = f({ x, parts }, 3);
      assert.deepEqual([...result.scaled.dataSync()], [3, 6, 9, 12]);
      assert.deepEqual(
        result.sums.map((sum) => sum.dataSync()[0]),
        [3, 3],
      );
      assert.equal(result.factor, 3);
    }
    assert.equal(runs, 1);
    f({ x, parts }, 4);
    f({ x: tf.tensor1d([1]), parts }, 4);
    assert.equal(runs, 3);
    assert.equal(f.signatures, 3);
  });
  f.dispose();
});

test('what a graph can’t repeat is refused, by name', () => {
  const outside = tf.tensor1d([1, 2]);
  const refused = (run: (x: tf.Tensor) => tf.Tensor, pattern: RegExp): void => {
    const f = compile(run);
    assert.throws(
      () => f(tf.tensor1d([1, 2])),
      (error: unknown) => error instanceof UserError && pattern.test(error.message),
    );
  };
  refused((x) => tf.mul(x, x.dataSync()[0]!), /reads the value of a tensor/);
  refused((x) => tf.add(x, outside), /made outside of it/);
  refused((x) => tf.add(tf.sum(x), tf.randomNormal([32768])), /frozen into the program/);
  // The backend is itself again.
  assert.deepEqual([...tf.add(outside, 1).dataSync()], [2, 3]);
});

test('views and constants of every kind are recorded', () => {
  const f = (x: tf.Tensor2D): tf.Tensor[] => [
    tf.reshape(tf.transpose(x), [3, 2, 1]),
    tf.sum(tf.ones([100, 3])),
    tf.gather(x, tf.tensor1d([1, 0], 'int32')),
    tf.cast(tf.greater(x, tf.tensor2d([[1.5], [4.5]])), 'float32'),
    tf.concat([x, tf.zerosLike(x)], 1),
    x,
  ];
  const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const compiled = compile(f);
  tf.tidy(() => {
    const [eager, graph] = [f(x), compiled(x)];
    assert.deepEqual(
      graph.map((tensor) => [tensor.shape, [...tensor.dataSync()]]),
      eager.map((tensor) => [tensor.shape, [...tensor.dataSync()]]),
    );
  });
  compiled.dispose();
});
