import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../second-backend.js';
import '../../src/engine/backend.js';
import { families } from '../../src/models/catalogue.js';
import { fromTorch, toTorch } from '../../src/models/layout.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';

const small: Readonly<Record<string, number>> = {
  'wrn-34-10': 0.05,
  'wrn-28-10-swish': 0.05,
  'cifar-resnet-56': 0.25,
  'cifar-resnet-20-a': 0.25,
};

for (const { example } of families) {
  test(`${example}: plain tfjs and TensorFlow agree, at any width, number of classes and 64 × 64`, async () => {
    for (const imageSize of [32, 64]) {
      const network = createNetwork(example, {
        width: small[example] ?? 0.125,
        classes: 7,
        imageSize,
        normalisation: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] },
      });
      const weights = network.initialise(createRng(1));
      const image = createRng(2).uniforms(2 * imageSize * imageSize * 3);
      const logits = (): { evaluation: Float32Array; training: Float32Array } =>
        tf.tidy(() => {
          const x = tf.tensor4d(image, [2, imageSize, imageSize, 3]);
          const own = Object.fromEntries(
            Object.entries(weights).map(([name, tensor]) => [name, tf.tensor(values[name]!, tensor.shape)]),
          );
          return {
            evaluation: network.evaluate(network.fold(own), x).dataSync() as Float32Array,
            training: network.train(own, x).logits.dataSync() as Float32Array,
          };
        });
      const values = Object.fromEntries(
        Object.entries(weights).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
      );
      const ours = logits();
      assert.equal(ours.evaluation.length, 14);
      await tf.setBackend('cpu');
      let theirs: typeof ours;
      try {
        theirs = logits();
      } finally {
        await tf.setBackend('tensorflow');
      }
      tf.dispose(weights);
      assertClose(ours.evaluation, theirs.evaluation, 1e-4, `evaluation at ${imageSize}`);
      assertClose(ours.training, theirs.training, 1e-3, `training at ${imageSize}`);
    }
  });
}

test('a network that is not there, and options that no network has', () => {
  for (const name of [
    'cifar-resnet-240002-a',
    'cifar-resnet-1208',
    'wrn-1204-10',
    `wrn-10-${'9'.repeat(400)}`,
    'wrn-28-101-swish',
  ])
    assert.throws(
      () => createNetwork(name),
      /there is no network "[^"]{1,80}": its (depth|width) is above (1202|100), the most/,
      name,
    );
  assert.equal(createNetwork('cifar-resnet-1202-a', { width: 0.0625 }).layers.length > 2400, true);
  assert.throws(() => createNetwork('resnet19'), /there is no network "resnet19". Known are resnet18, mobilenetv2/);
  for (const name of ['wrn-35-10', 'wrn-34-0', 'cifar-resnet-21', 'cifar-resnet-2-a', 'wrn-4-1']) {
    assert.throws(() => createNetwork(name), /there is no network/, name);
  }
  assert.throws(() => createNetwork('resnet18', { classes: 0 }), /the number of classes is 0/);
  assert.throws(() => createNetwork('resnet18', { width: -1 }), /the width multiplier is -1/);
  assert.throws(
    () => createNetwork('resnet18', { normalisation: { mean: [0, 0, 0], std: [1, 0, 1] } }),
    /each must be positive/,
  );
});

test("PyTorch's layout and ours are each other's inverse", () => {
  tf.tidy(() => {
    const values = Float32Array.from({ length: 2 * 3 * 5 * 4 }, (_, i) => i);
    const spec = { kind: 'convolution', torchShape: [2, 3, 5, 4], shape: [5, 4, 3, 2] } as const;
    const tensor = fromTorch(spec, values);
    // [out 1, in 2, row 3, column 1] of PyTorch's.
    assert.equal(tensor.bufferSync().get(3, 1, 2, 1), values[1 * 60 + 2 * 20 + 3 * 4 + 1]);
    assert.deepEqual(toTorch(spec, tensor.dataSync() as Float32Array), values);
  });
});

test('a summary names every layer with its shape, parameters and multiplications', () => {
  const { layers, parameters } = createNetwork('resnet18');
  assert.deepEqual(layers[0], {
    name: 'conv1',
    operation: '3×3 convolution',
    outputShape: [32, 32, 64],
    parameters: 1728,
    multiplyAdds: 32 * 32 * 1728,
  });
  assert.equal(
    layers.reduce((sum, layer) => sum + layer.parameters, 0),
    parameters,
  );
  // ResNet-18's CIFAR form is known to take .56 G multiplications.
  const total = layers.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
  assert.ok(Math.abs(total / 0.5558e9 - 1) < 0.01, `${total}`);
});
