import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import {
  carliniWagnerLoss,
  crossEntropyLoss,
  dlrLoss,
  isRight,
  margin,
  rankedClasses,
  targetedDlrLoss,
  type LogitLoss,
} from '../../src/attacks/attack-losses.js';
import '../../src/engine/backend.js';
import { gradients } from '../../src/engine/gradient.js';

const logitsOf = (rows: readonly (readonly number[])[]): tf.Tensor2D => tf.tensor2d(rows.map((row) => [...row]));
const labelsOf = (labels: readonly number[]): tf.Tensor1D => tf.tensor1d([...labels], 'int32');
const values = (f: () => tf.Tensor): number[] => Array.from(tf.tidy(f).dataSync());

test('the losses on logits worked out by hand', () => {
  const rows = [
    [4, 1, 3, 0, 2], // right: label 0
    [4, 1, 3, 0, 2], // wrong: label 2
  ];
  const labels = [0, 2];
  assert.deepEqual(
    values(() => margin(logitsOf(rows), labelsOf(labels))),
    [1, -1],
  );
  assert.deepEqual(
    values(() => isRight(logitsOf(rows), labelsOf(labels))),
    [1, 0],
  );
  assert.deepEqual(
    values(() => carliniWagnerLoss(0.5)(logitsOf(rows), labelsOf(labels))),
    [-1.5, -0],
  );
  // −(4 − 3) / (4 − 2) and −(3 − 4) / (4 − 2)
  assert.deepEqual(
    values(() => dlrLoss(logitsOf(rows), labelsOf(labels))),
    [-0.5, 0.5],
  );
  // towards class 3: −(4 − 0) / (4 − ½(2 + 1)) and −(3 − 0) / (4 − ½(2 + 1))
  const targeted = values(() => targetedDlrLoss(logitsOf(rows), labelsOf(labels), labelsOf([3, 3])));
  assert.ok(Math.abs(targeted[0]! + 4 / 2.5) < 1e-6 && Math.abs(targeted[1]! + 3 / 2.5) < 1e-6, targeted.join());
  assert.deepEqual(rankedClasses(Float32Array.from(rows[0]!)), [0, 2, 4, 1, 3]);
});

const sampleArbitrary = fc.record({
  // Multiples of 1/64, distinct: a shift and a scale are exact in float32 then, and no order is a matter of rounding.
  logits: fc.uniqueArray(fc.integer({ min: -640, max: 640 }), { minLength: 6, maxLength: 6 }),
  label: fc.integer({ min: 0, max: 5 }),
  aim: fc.integer({ min: 0, max: 5 }),
  shift: fc.integer({ min: -640, max: 640 }),
  scale: fc.constantFrom(0.25, 0.5, 2, 3, 10),
});

test('the DLR losses do not change with a shift of the logits or a positive scale', () => {
  fc.assert(
    fc.property(sampleArbitrary, ({ logits, label, aim, shift, scale }) => {
      const row = logits.map((value) => value / 64);
      const moved = row.map((value) => value * scale + shift / 64);
      for (const loss of [
        (z: tf.Tensor2D, y: tf.Tensor1D) => dlrLoss(z, y),
        (z: tf.Tensor2D, y: tf.Tensor1D) => targetedDlrLoss(z, y, labelsOf([aim])),
      ]) {
        const [before] = values(() => loss(logitsOf([row]), labelsOf([label])));
        const [after] = values(() => loss(logitsOf([moved]), labelsOf([label])));
        assert.ok(Math.abs(before! - after!) <= 1e-5 * Math.max(1, Math.abs(before!)), `${before} became ${after}`);
      }
    }),
    { numRuns: 50 },
  );
});

test('the gradients are those of finite differences', () => {
  const row = [0.9, -1.4, 2.2, 0.1, -0.6, 1.3];
  const losses: Record<string, LogitLoss> = {
    'cross-entropy': crossEntropyLoss,
    margin,
    'Carlini & Wagner': carliniWagnerLoss(50),
    DLR: dlrLoss,
    'targeted DLR': (z, y) => targetedDlrLoss(z, y, labelsOf([4])),
  };
  for (const [name, loss] of Object.entries(losses)) {
    for (const label of [2, 0, 3]) {
      const [slope, numeric] = tf.tidy(() => {
        const z = logitsOf([row]);
        const { gradients: slopes } = gradients(() => ({ value: tf.sum(loss(z, labelsOf([label]))) }), { z });
        const step = 1e-2;
        const at = (i: number, by: number): number =>
          loss(logitsOf([row.map((value, k) => (k === i ? value + by : value))]), labelsOf([label])).dataSync()[0]!;
        return [Array.from(slopes.z.dataSync()), row.map((_, i) => (at(i, step) - at(i, -step)) / (2 * step))];
      });
      slope.forEach((value, i) => {
        assert.ok(Math.abs(value - numeric[i]!) < 2e-3, `${name}, label ${label}, logit ${i}: ${value}, ${numeric[i]}`);
      });
    }
  }
});
