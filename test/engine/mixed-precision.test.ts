import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { relu } from '../../src/engine/activation.js';
import '../../src/engine/backend.js';
import { batchNorm } from '../../src/engine/batch-norm.js';
import { convolution } from '../../src/engine/convolution.js';
import { gradients, type Tensors } from '../../src/engine/gradient.js';
import type { GraphWriter } from '../../src/engine/graph.js';
import { attribute, type Attribute } from '../../src/engine/kernels.js';
import { nodeWriter, type NodeInput } from '../../src/engine/mixed-precision.js';
import type { Precision } from '../../src/engine/precision.js';
import { createProgram } from '../../src/engine/program.js';
import { UserError } from '../../src/errors.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { sgd } from '../../src/training/sgd.js';

const size = 8;

/** A block of a ResNet on `channels` and the gradients of its mean square, in a precision. */
const blockProgram = (channels: number, precision: Precision, weights: Tensors) =>
  createProgram(weights, {
    block: {
      precision,
      inputs: { x: { shape: [2, size, size, channels] } },
      run(variables, { x }) {
        const result = gradients(
          () => {
            const first = convolution(x as tf.Tensor4D, variables['filter'] as tf.Tensor4D, { padding: 1 });
            const { y } = batchNorm(first, {
              weight: variables['scale'] as tf.Tensor1D,
              bias: variables['shift'] as tf.Tensor1D,
            });
            const out = relu(tf.add(y, x!));
            return { value: tf.mean(tf.square(out)), aux: { out } };
          },
          { filter: variables['filter']!, scale: variables['scale']!, shift: variables['shift']! },
        );
        return { outputs: { ...result.aux, ...result.gradients } };
      },
    },
  });

const randomWeights = (channels: number): Record<string, tf.Tensor> => {
  const rng = createRng(1);
  const uniform = (count: number): Float32Array => rng.uniforms(count).map((value) => value - 0.5);
  return {
    filter: tf.tensor4d(uniform(9 * channels * channels), [3, 3, channels, channels]),
    scale: tf.tensor1d(uniform(channels).map((value) => value + 1)),
    shift: tf.tensor1d(uniform(channels)),
  };
};

const deviation = (of: tf.Tensor, from: tf.Tensor): number =>
  tf.tidy(() => tf.div(tf.norm(tf.sub(of, from)), tf.norm(from)).dataSync()[0]!);

// 16 channels: the batch norm is in bfloat16 too; 8: it is not.
for (const channels of [8, 16]) {
  test(`a block of ${channels} channels in bf16 is near float32, and is not it`, () => {
    const weights = randomWeights(channels);
    const x = tf.tensor4d(createRng(2).uniforms(2 * size * size * channels), [2, size, size, channels]);
    const [plain, mixed] = (['float32', 'bf16'] as const).map((precision) => {
      const program = blockProgram(channels, precision, weights);
      const outputs = program.call('block', { x });
      program.dispose();
      return outputs;
    }) as [Tensors, Tensors];
    for (const name of Object.keys(plain)) {
      assert.equal(mixed[name]!.dtype, 'float32');
      const off = deviation(mixed[name]!, plain[name]!);
      // A bfloat16 has 8 bits: an error of 2⁻⁹ a rounding, of which each number sees several, but for the sign of ReLU.
      assert.ok(off < 0.02, `${name} is off by ${off}`);
      if (name !== 'shift') assert.ok(off > 1e-5, `${name} equals float32: nothing was rounded`);
    }
    tf.dispose([weights, x, plain, mixed]);
  });
}

test('what bfloat16 can hold comes out as in float32, bit for bit', () => {
  const filter = tf.tensor4d(
    Array.from({ length: 9 * 16 * 16 }, (_, i) => (i % 3) - 1),
    [3, 3, 16, 16],
  );
  const x = tf.tensor4d(
    Array.from({ length: 64 * 16 }, (_, i) => (i % 7 === 0 ? 1 : 0)),
    [1, 8, 8, 16],
  );
  const [plain, mixed] = (['float32', 'bf16'] as const).map((precision) => {
    const program = createProgram(
      { filter },
      {
        convolve: {
          precision,
          inputs: { x: { shape: [1, 8, 8, 16] } },
          run: (variables, inputs) => ({
            outputs: { y: convolution(inputs['x'] as tf.Tensor4D, variables['filter'] as tf.Tensor4D, { padding: 1 }) },
          }),
        },
      },
    );
    const { y } = program.call('convolve', { x });
    program.dispose();
    return Array.from(y!.dataSync());
  });
  assert.ok(plain!.every((value) => Number.isInteger(value) && Math.abs(value) < 256));
  assert.ok(plain!.some((value) => value !== 0));
  assert.deepEqual(mixed, plain);
});

test('weights, and what the optimiser remembers, stay float32: steps smaller than a bfloat16 can tell add up', () => {
  const optimiser = sgd({ momentum: 0, weightDecay: 0 });
  const w = tf.ones([3, 3, 16, 16]);
  const variables = { w, ...optimiser.init({ w }) };
  const program = createProgram(variables, {
    step: {
      precision: 'bf16',
      inputs: { x: { shape: [1, 8, 8, 16] }, rate: { shape: [] } },
      run(views, { x, rate }) {
        const result = gradients(
          () => ({ value: tf.sum(convolution(x as tf.Tensor4D, views['w'] as tf.Tensor4D, { padding: 1 })), aux: {} }),
          { w: views['w']! },
        );
        return { updates: { ...optimiser.update(views, result.gradients, rate!) } };
      },
    },
  });
  const [x, rate] = [tf.ones([1, 8, 8, 16]), tf.scalar(2 ** -18)];
  // The gradient of a central tap is 64: a step is 2⁻¹², and 1 − 2⁻¹² is 1 in bfloat16.
  for (let step = 0; step < 4; step++) program.call('step', { x, rate });
  const central = tf.tidy(() => program.read(['w'])['w']!.dataSync()[4 * 16 * 16]!);
  assert.equal(central, 1 - 4 * 2 ** -12);
  program.dispose();
  tf.dispose([variables, x, rate]);
});

test('a whole network answers in bf16 nearly as in float32', () => {
  const network = createNetwork('resnet18', { width: 1 / 8 });
  const weights = network.initialise(createRng(0));
  const x = tf.tensor4d(createRng(3).uniforms(8 * 32 * 32 * 3), [8, 32, 32, 3]);
  const [plain, mixed] = (['float32', 'bf16'] as const).map((precision) => {
    const program = createProgram(weights, {
      logits: {
        precision,
        inputs: { x: { shape: x.shape } },
        run: (variables, inputs) => ({
          outputs: { y: network.evaluate(network.fold(variables), inputs['x'] as tf.Tensor4D) },
        }),
      },
    });
    const { y } = program.call('logits', { x });
    program.dispose();
    return y!;
  }) as [tf.Tensor, tf.Tensor];
  const off = deviation(mixed, plain);
  assert.ok(off > 1e-5 && off < 0.03, `off by ${off}`);
  tf.dispose([weights, x, plain, mixed]);
});

/** A graph that is a list of lines: what is written, in which type. */
const listed = () => {
  const lines: string[] = [];
  const graph = {
    node: (_scope: string, operation: string, attributes: readonly Attribute[], inputs: readonly string[]) => {
      const type = attributes.find(({ name }) => name === 'T' || name === 'DstT')?.value;
      lines.push(`${operation}:${type === 14 ? 'bf16' : 'float32'}(${inputs.join()})`);
      return `${operation}${lines.length}`;
    },
  } as unknown as GraphWriter;
  return { lines, writer: nodeWriter(graph, 'test', 'bf16') };
};
const T = [attribute.type('T', 'float32')];
const value = (output: string, shape: readonly number[] = [1, 4, 4, 16]): NodeInput => ({
  output,
  dtype: 'float32',
  shape,
});

test('a value is cast once, and what follows a product stays in bfloat16', () => {
  const { lines, writer } = listed();
  const product = writer.node('Conv2D', T, [value('x'), value('w')]);
  const shown = writer.node('Relu', T, [value(product)]);
  writer.node('Conv2D', T, [value(shown), value('w')]);
  writer.node('Conv2D', T, [value('x'), value('v')]);
  writer.node('Softmax', T, [value(shown)]);
  assert.equal(writer.float32(shown), writer.float32(shown));
  assert.deepEqual(lines, [
    ...['Cast:bf16(x)', 'Cast:bf16(w)', 'Conv2D:bf16(Cast1,Cast2)', 'Relu:bf16(Conv2D3)'],
    ...['Conv2D:bf16(Relu4,Cast2)', 'Cast:bf16(v)', 'Conv2D:bf16(Cast1,Cast6)'],
    ...['Cast:float32(Relu4)', 'Softmax:float32(Cast8)'],
  ]);
});

test('sums of float32 and of anything stay float32; gradients of weights leave bfloat16 at once', () => {
  const { lines, writer } = listed();
  const product = writer.node('Conv2D', T, [value('x'), value('w')]);
  writer.node('AddV2', T, [value(product), value('x')]);
  const gradient = writer.node('Conv2DBackpropFilter', T, [
    value('x'),
    { ...value('size'), dtype: 'int32' },
    value(product),
  ]);
  writer.node('AddV2', T, [value(gradient), value(gradient)]);
  assert.deepEqual(lines.slice(3), [
    ...['Cast:float32(Conv2D3)', 'AddV2:float32(Cast4,x)'],
    ...['Conv2DBackpropFilter:bf16(Cast1,size,Conv2D3)', 'Cast:float32(Conv2DBackpropFilter6)'],
    'AddV2:float32(Cast7,Cast7)',
  ]);
});

test('a batch norm is in bfloat16 for multiples of 16 channels; its statistics never are', () => {
  for (const [channels, type] of [
    [16, 'bf16'],
    [8, 'float32'],
  ] as const) {
    const { lines, writer } = listed();
    const shape = [1, 4, 4, channels];
    const product = writer.node('Conv2D', T, [value('x', shape), value('w')]);
    const norm = writer.node('FusedBatchNormV3', T, [value(product, shape), value('scale', [channels])]);
    writer.node('FusedBatchNormGradV3', T, [value('dy', shape), value(product, shape), value('scale', [channels])]);
    writer.node('Add', T, [value(`${norm}:1`, [channels]), value('mean', [channels])]);
    assert.equal(lines.filter((line) => line.startsWith(`FusedBatchNorm`) && line.includes(`:${type}(`)).length, 2);
    assert.equal(lines.at(-1), `Add:float32(${norm}:1,mean)`);
  }
});

test('kernel by kernel there is no bf16: it is refused', () => {
  assert.throws(
    () => createProgram({}, { nothing: { inputs: {}, run: () => ({}), precision: 'bf16' } }, { eager: true }),
    (error) => error instanceof UserError && error.message.includes('CIARD_EAGER=1'),
  );
});
