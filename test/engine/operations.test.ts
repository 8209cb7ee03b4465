import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../second-backend.js';
import '../../src/engine/backend.js';
import { activations } from '../../src/engine/activation.js';
import { affine, batchNorm } from '../../src/engine/batch-norm.js';
import { addBias, convolution, depthwiseConvolution, linear, type Padding } from '../../src/engine/convolution.js';
import { detach, gradients } from '../../src/engine/gradient.js';
import { averagePool, globalAveragePool, subsample } from '../../src/engine/pooling.js';
import { crossEntropy, crossEntropyWith, klDivergence, logSoftmax } from '../../src/engine/softmax.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';

type Operation = (inputs: Record<string, tf.Tensor>) => tf.Tensor;

interface Case {
  readonly name: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly run: Operation;
}

const convolutionCases: Case[] = [
  [3, 1, 1, 6],
  [3, 2, 1, 6],
  [3, 2, 1, 7],
  [1, 1, 0, 5],
  [1, 2, 0, 6],
  [3, 1, 0, 6],
  [3, 2, 'same', 6],
  [5, 2, 2, 9],
].flatMap(([kernel, stride, padding, size]) => {
  const options = { stride: stride as number, padding: padding as Padding };
  return [
    {
      name: `convolution ${kernel}×${kernel} stride ${stride} padding ${padding} on ${size}`,
      shapes: { x: [2, size as number, size as number, 3], filter: [kernel as number, kernel as number, 3, 4] },
      run: ({ x, filter }) => convolution(x as tf.Tensor4D, filter as tf.Tensor4D, options),
    },
    {
      name: `depthwise convolution ${kernel}×${kernel} stride ${stride} padding ${padding} on ${size}`,
      shapes: { x: [2, size as number, size as number, 3], filter: [kernel as number, kernel as number, 3, 1] },
      run: ({ x, filter }) => depthwiseConvolution(x as tf.Tensor4D, filter as tf.Tensor4D, options),
    },
  ] satisfies Case[];
});

// Few channels into a strided filter of 1 × 1, whose gradient oneDNN gets wrong.
convolutionCases.push(
  ...[1, 3, 4, 6].flatMap((channels) =>
    ([0, 'same'] as const).map((padding): Case => ({
      name: `strided convolution 1×1 of ${channels} channels, padding ${padding}`,
      shapes: { x: [2, 8, 8, channels], filter: [1, 1, channels, 8] },
      run: ({ x, filter }) => convolution(x as tf.Tensor4D, filter as tf.Tensor4D, { stride: 2, padding }),
    })),
  ),
);

// The quicker ways of a processor, with as many channels as they are taken for.
convolutionCases.push(
  {
    name: "convolution by Winograd's algorithm",
    shapes: { x: [2, 4, 4, 256], filter: [3, 3, 256, 256] },
    run: ({ x, filter }) => convolution(x as tf.Tensor4D, filter as tf.Tensor4D, { padding: 1 }),
  },
  {
    name: 'convolution by patches',
    shapes: { x: [2, 4, 4, 256], filter: [3, 3, 256, 512] },
    run: ({ x, filter }) => convolution(x as tf.Tensor4D, filter as tf.Tensor4D, { stride: 2, padding: 1 }),
  },
);

const labels = [0, 2, 1, 2];
const cases: Case[] = [
  ...convolutionCases,
  {
    name: 'batch norm',
    shapes: { x: [3, 2, 2, 4], weight: [4], bias: [4] },
    run: ({ x, weight, bias }) =>
      batchNorm(x as tf.Tensor4D, { weight: weight as tf.Tensor1D, bias: bias as tf.Tensor1D }).y,
  },
  {
    name: 'affine',
    shapes: { x: [2, 3, 3, 4], scale: [4], shift: [4] },
    run: ({ x, scale, shift }) => affine(x as tf.Tensor4D, scale as tf.Tensor1D, shift as tf.Tensor1D),
  },
  { name: 'bias', shapes: { x: [2, 3, 3, 4], bias: [4] }, run: ({ x, bias }) => addBias(x!, bias!) },
  {
    name: 'linear',
    shapes: { x: [3, 5], weight: [5, 4], bias: [4] },
    run: ({ x, weight, bias }) => linear(x as tf.Tensor2D, weight as tf.Tensor2D, bias as tf.Tensor1D),
  },
  { name: 'relu', shapes: { x: [4, 5] }, run: ({ x }) => activations.relu(x!) },
  { name: 'swish', shapes: { x: [4, 5] }, run: ({ x }) => activations.swish(x!) },
  { name: 'average pool', shapes: { x: [2, 4, 4, 3] }, run: ({ x }) => averagePool(x as tf.Tensor4D, 2) },
  { name: 'subsample', shapes: { x: [2, 5, 5, 3] }, run: ({ x }) => subsample(x as tf.Tensor4D, 2) },
  { name: 'global average pool', shapes: { x: [2, 4, 4, 3] }, run: ({ x }) => globalAveragePool(x as tf.Tensor4D) },
  {
    name: 'cross-entropy',
    shapes: { logits: [4, 3] },
    run: ({ logits }) => crossEntropy(logits as tf.Tensor2D, tf.tensor1d(labels, 'int32')),
  },
  { name: 'log softmax', shapes: { logits: [4, 3] }, run: ({ logits }) => logSoftmax(logits as tf.Tensor2D) },
  {
    name: 'cross-entropy with a distribution',
    shapes: { logits: [4, 3], target: [4, 3] },
    run: ({ logits, target }) => crossEntropyWith(logits as tf.Tensor2D, tf.softmax(target as tf.Tensor2D)),
  },
  {
    name: 'Kullback-Leibler divergence',
    shapes: { teacher: [4, 3], student: [4, 3] },
    run: ({ teacher, student }) => klDivergence(teacher as tf.Tensor2D, student as tf.Tensor2D),
  },
];

/** Value and gradients of a random projection of the operation's output. */
const measure = ({ shapes, run }: Case, only?: string): Record<string, number[]> =>
  tf.tidy(() => {
    const rng = createRng(11);
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        tf.tensor(rng.fork(name).normals(shape.reduce((product, size) => product * size, 1)), [...shape]),
      ]),
    );
    const result = gradients(
      () => {
        const y = run(inputs);
        const direction = tf.tensor(rng.fork('direction').normals(y.size), y.shape);
        return { value: tf.sum(tf.mul(y, direction)), aux: { y } };
      },
      only === undefined ? inputs : { [only]: inputs[only]! },
    );
    return Object.fromEntries(
      Object.entries({ ...result.gradients, output: result.aux.y }).map(([name, tensor]) => [
        name,
        Array.from(tensor.dataSync()),
      ]),
    );
  });

for (const operation of cases) {
  test(`${operation.name}: TensorFlow's kernels equal tfjs' own, forward and gradients`, async () => {
    const before = tf.memory().numTensors;
    const ours = measure(operation);
    await tf.setBackend('cpu');
    let theirs: Record<string, number[]>;
    try {
      theirs = measure(operation);
    } finally {
      await tf.setBackend('tensorflow');
    }
    for (const [name, expected] of Object.entries(theirs)) assertClose(ours[name]!, expected, 2e-5, name);
    // Asked for alone, a gradient is the same.
    for (const name of Object.keys(operation.shapes)) {
      assert.deepEqual(measure(operation, name)[name], ours[name], `${name} alone`);
    }
    assert.equal(tf.memory().numTensors, before);
  });
}

test('a convolution computes the gradients that are asked for, and no others', () => {
  const backend = tf.backend() as unknown as { executeSingleOutput: (name: string, ...rest: unknown[]) => tf.Tensor };
  const original = backend.executeSingleOutput;
  const executed: string[] = [];
  backend.executeSingleOutput = function (name, ...rest) {
    executed.push(name);
    return original.call(this, name, ...rest);
  };
  try {
    measure(convolutionCases[0]!, 'x');
  } finally {
    Reflect.deleteProperty(backend, 'executeSingleOutput');
  }
  assert.ok(executed.includes('Conv2DBackpropInput'));
  assert.ok(!executed.includes('Conv2DBackpropFilter'));
});

test('running variance is unbiased, as PyTorch’s', () => {
  tf.tidy(() => {
    const x = tf.tensor4d([1, 2, 4, 9], [4, 1, 1, 1]);
    const { statistics } = batchNorm(x, { weight: tf.ones([1]), bias: tf.zeros([1]) });
    assertClose(statistics.mean.dataSync(), [4], 1e-6, 'mean');
    assertClose(statistics.variance.dataSync(), [38 / 3], 1e-6, 'variance');
  });
});

test('no gradient flows through what is detached', () => {
  tf.tidy(() => {
    const x = tf.scalar(3);
    const { value, gradients: slopes } = gradients(() => ({ value: tf.mul(x, detach(tf.square(x))) }), { x });
    assert.equal(value.dataSync()[0], 27);
    assert.equal(slopes.x.dataSync()[0], 9);
  });
});

test('a gradient of what the value does not depend on is an error, unless it may be absent', () => {
  tf.tidy(() => {
    const [x, y] = [tf.scalar(1), tf.scalar(2)];
    const f = () => ({ value: tf.square(x) });
    assert.throws(() => gradients(f, { x, y }), /does not depend on y/);
    assert.deepEqual(Object.keys(gradients(f, { x, y }, { optional: true }).gradients), ['x']);
  });
});
