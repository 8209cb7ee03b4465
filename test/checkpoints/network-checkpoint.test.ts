import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { UserError } from '../../src/errors.js';
import {
  infoOfNetwork,
  networkOfInfo,
  restoreNetwork,
  stateDictOfWeights,
} from '../../src/checkpoints/network-checkpoint.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';

const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25] } as const;

test('a network comes back from a checkpoint as it was: its options, its weights, its order', () => {
  const network = createNetwork('mobilenetv2', { classes: 3, width: 0.125, imageSize: 64, normalisation });
  const before = tf.memory().numTensors;
  const weights = network.initialise(createRng(1));
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
  );
  const tensors = stateDictOfWeights(network, values);
  assert.deepEqual(
    [...tensors].map(([name, { shape }]) => [name, shape]),
    network.variables.map(({ name, torchShape }) => [name, torchShape]),
  );
  const info = infoOfNetwork(network);
  const restored = restoreNetwork({ info, tensors });
  assert.deepEqual(infoOfNetwork(restored.network), info);
  assert.deepEqual(restored.network.normalisation, normalisation);
  for (const { name, shape } of network.variables) {
    assert.deepEqual(restored.weights[name]!.shape, shape, name);
    assert.deepEqual(restored.weights[name]!.dataSync(), values[name], name);
  }
  tf.dispose([weights, restored.weights]);
  assert.equal(tf.memory().numTensors, before);
});

test('defaults need not be named', () => {
  assert.deepEqual(infoOfNetwork(networkOfInfo({ architecture: 'resnet18', classes: 10 })), {
    architecture: 'resnet18',
    classes: 10,
    imageSize: 32,
  });
});

test('a checkpoint that lacks tensors of its network is refused, all of them named', () => {
  const info = { architecture: 'vnncomp-resnet2b', classes: 10 };
  const network = networkOfInfo(info);
  const sizes = Object.fromEntries(
    network.variables.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
  );
  const tensors = new Map(stateDictOfWeights(network, sizes));
  tensors.delete('conv1.weight');
  tensors.delete('linear2.bias');
  assert.throws(
    () => restoreNetwork({ info, tensors }, 'last.safetensors'),
    (error) =>
      error instanceof UserError &&
      /last\.safetensors does not hold .*missing \(2\):\n\s+conv1\.weight \[8, 3, 3, 3\]\n\s+linear2\.bias \[10\]/s.test(
        error.message,
      ),
  );
  assert.throws(() => networkOfInfo({ architecture: 'lenet', classes: 10 }), UserError);
});
