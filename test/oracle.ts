import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { decodeSafetensors } from '../src/checkpoints/safetensors-format.js';
import { float32Of } from '../src/checkpoints/state-dict.js';
import '../src/engine/backend.js';
import { fromTorch } from '../src/models/layout.js';
import type { Network } from '../src/models/network.js';

const fixture = (name: string): URL => new URL(`fixtures/oracle/${name}`, import.meta.url);

/** Values that the published PyTorch code computed; fixtures/oracle/README.md says how. */
export const oracleJson = (name: string): unknown => JSON.parse(readFileSync(fixture(`${name}.json`), 'utf8'));

/** A tensor of the oracle as float32. */
export const oracleTensors = (
  name: string,
): ((tensor: string) => { shape: readonly number[]; values: Float32Array }) => {
  const { tensors } = decodeSafetensors(readFileSync(fixture(`${name}.safetensors`)), name);
  return (tensor) => {
    const stored = tensors.get(tensor);
    if (!stored) throw new Error(`the oracle ${name} has no tensor ${tensor}`);
    return { shape: stored.shape, values: float32Of(stored) };
  };
};

/** The oracle's numbers in [0, 1): a hash of the seed and the element's index. */
export const hashed = (seed: number, size: number, map: (u: number) => number = (u) => u): Float32Array => {
  const values = new Float32Array(size);
  const offset = Math.imul(seed, 0x9e3779b9);
  for (let i = 0; i < size; i++) {
    let x = (i + offset) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x ^= x >>> 16;
    values[i] = map((x >>> 0) / 2 ** 32);
  }
  return values;
};

/** The oracle's weights of `network`, whose state_dict it lists in PyTorch's order. */
export const oracleWeights = (
  network: Network,
  stateDict: Readonly<Record<string, readonly number[]>>,
): Record<string, tf.Tensor> => {
  const specs = new Map(network.variables.map((spec) => [spec.name, spec]));
  const weights: Record<string, tf.Tensor> = {};
  Object.entries(stateDict).forEach(([name, shape], t) => {
    if (name.endsWith('num_batches_tracked')) return;
    const spec = specs.get(name);
    assert.ok(spec, `the network has no variable ${name}`);
    assert.deepEqual(spec.torchShape, shape, name);
    const size = shape.reduce((product, length) => product * length, 1);
    const [scale, shift] = {
      weight: [Math.sqrt((spec.kind === 'linear' ? 3 : 6) / spec.fanIn), 0],
      bias: [0.1, 0],
      'norm-weight': [0.2, 1],
      'norm-bias': [0.2, 0],
      'running-mean': [0.1, 0],
      'running-variance': [0.3, 1],
    }[spec.role] as [number, number];
    weights[name] = fromTorch(
      spec,
      hashed(1000 + t, size, (u) => shift + scale * (2 * u - 1)),
    );
  });
  assert.deepEqual(Object.keys(weights).sort(), [...specs.keys()].sort());
  return weights;
};

/** The oracle's batch of images, [B, 32, 32, 3]. */
export const oracleImages = (batch: number, size = 32): tf.Tensor4D =>
  tf.tidy(() => tf.transpose(tf.tensor4d(hashed(7, batch * 3 * size * size), [batch, 3, size, size]), [0, 2, 3, 1]));

/** The oracle's labels: i mod classes. */
export const oracleLabels = (batch: number, classes: number): tf.Tensor1D =>
  tf.tensor1d(
    Int32Array.from({ length: batch }, (_, i) => i % classes),
    'int32',
  );

/**
 * Asserts that two tensors agree: |a − e| ≤ relative · largest |e|, element by element.
 * The scale is that of the whole tensor, since a logit near zero has no precision of its own.
 */
export const assertClose = (
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  what: string,
): void => {
  assert.equal(actual.length, expected.length, `${what}: length`);
  let scale = 0;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]!));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(
      difference <= relative * scale,
      `${what}[${i}]: ${actual[i]!}, expected ${expected[i]!} (off by ${difference}, allowed ${relative * scale})`,
    );
  }
};
