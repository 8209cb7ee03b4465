import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { apgdCe, apgdDlr, apgdTargeted } from '../../src/attacks/apgd.js';
import { carliniWagnerLoss, crossEntropyLoss, type LogitLoss } from '../../src/attacks/attack-losses.js';
import type { Attack } from '../../src/attacks/attack.js';
import { fab, fabTargeted } from '../../src/attacks/fab.js';
import { cwLinf, fgsm, pgdSat } from '../../src/attacks/pgd.js';
import { signStep } from '../../src/attacks/sign-step.js';
import { square } from '../../src/attacks/square.js';
import { startFrom, startNoise, type Start } from '../../src/attacks/threat-model.js';
import { gradients } from '../../src/engine/gradient.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { onSecondBackend } from '../second-backend.js';
import { agreeingSet, linearNetwork, runAttack } from './networks.js';

const epsilon = 8 / 255;
const network = createNetwork('cifar-resnet-8', { classes: 5, width: 0.25 });
const shape: [number, number, number, number] = [2, 32, 32, 3];
const size = shape.reduce((product, length) => product * length, 1);
const pixels = createRng(1).uniforms(size);
const values = (() => {
  const weights = network.initialise(createRng(2));
  const read = network.variables.map(
    ({ name }) => [name, (weights[name]!.dataSync() as Float32Array).slice()] as const,
  );
  tf.dispose(weights);
  return new Map(read);
})();

interface Walk {
  readonly name: string;
  readonly loss: LogitLoss;
  readonly start: Start;
  readonly steps: number;
  readonly stepSize: number;
  readonly clamp: boolean;
}

const walks: readonly Walk[] = [
  { name: 'FGSM', loss: crossEntropyLoss, start: 'clean', steps: 1, stepSize: epsilon, clamp: true },
  { name: 'PGD', loss: crossEntropyLoss, start: 'uniform', steps: 3, stepSize: epsilon / 4, clamp: true },
  {
    name: 'PGD from Gaussian noise',
    loss: crossEntropyLoss,
    start: 'gaussian',
    steps: 2,
    stepSize: 0.003,
    clamp: true,
  },
  { name: 'CW', loss: carliniWagnerLoss(50), start: 'clean', steps: 3, stepSize: epsilon / 4, clamp: false },
];

interface Step {
  readonly slope: Float32Array;
  readonly adversarial: Float32Array;
}

/** Steps of an attack as a page takes them, from start to end; those after the first from the points of `along`, if given. */
const walk = ({ loss, start, steps, stepSize, clamp }: Walk, along?: readonly Step[]): Step[] =>
  tf.tidy(() => {
    const folded = network.fold(
      Object.fromEntries(
        network.variables.map(({ name, shape: own }) => [name, tf.tensor(values.get(name)!, [...own])]),
      ),
    );
    const x = tf.tensor4d(pixels, shape);
    const labels = tf.tensor1d([1, 3], 'int32');
    const ascend = (adversarial: tf.Tensor4D): tf.Tensor1D => loss(network.evaluate(folded, adversarial), labels);
    const noise = tf.tensor4d(startNoise(start, size, epsilon, createRng(5)), shape);
    let adversarial = startFrom(start, x, noise);
    return Array.from({ length: steps }, (_, i) => {
      if (i > 0 && along) adversarial = tf.tensor4d(along[i - 1]!.adversarial, shape);
      const { gradients: slopes } = gradients(() => ({ value: tf.sum(ascend(adversarial)) }), { adversarial });
      adversarial = signStep(ascend, x, adversarial, { epsilon, stepSize, clamp });
      return {
        slope: (slopes.adversarial.dataSync() as Float32Array).slice(),
        adversarial: (adversarial.dataSync() as Float32Array).slice(),
      };
    });
  });

for (const each of walks) {
  test(`${each.name}: steps on another backend are TensorFlow's`, async () => {
    const ours = walk(each);
    const theirs = await onSecondBackend(() => walk(each, ours));
    theirs.forEach(({ slope, adversarial }, i) => {
      const largest = Math.max(...slope.map(Math.abs));
      assert.ok(largest > 0);
      slope.forEach((value, at) => {
        const expected = ours[i]!.slope[at]!;
        assert.ok(Math.abs(value - expected) <= 1e-4 * largest, `step ${i}: slope ${value}, expected ${expected}`);
        // The sign of what is nothing but rounding is rounding too.
        if (Math.abs(expected) <= 1e-4 * largest) return;
        assert.ok(Math.abs(adversarial[at]! - ours[i]!.adversarial[at]!) < 1e-6, `step ${i}: value ${at}`);
      });
    });
  });
}

test('every attack runs on another backend, kernel by kernel, and finds what it finds on TensorFlow', async () => {
  const linear = linearNetwork(5, 4, 4);
  const subject = { ...linear, set: agreeingSet(linear, 6) };
  const radius = 0.02;
  const attacks: Attack[] = [
    fgsm(radius),
    pgdSat(radius),
    cwLinf(radius),
    apgdCe({ epsilon: radius, iterations: 5 }),
    apgdDlr({ epsilon: radius, iterations: 5 }),
    apgdTargeted({ epsilon: radius, iterations: 3, targets: 2 }),
    fab({ epsilon: radius, iterations: 3 }),
    fabTargeted({ epsilon: radius, iterations: 3, targets: 2 }),
    square({ epsilon: radius, queries: 10 }),
  ];
  for (const attack of attacks) {
    const ours = await runAttack(attack, subject);
    const theirs = await onSecondBackend(() => runAttack(attack, subject, { eager: true }));
    assert.deepEqual([...theirs.found.keys()].sort(), [...ours.found.keys()].sort(), attack.name);
    assert.deepEqual(theirs.warnings, ours.warnings);
    for (const [point, image] of ours.found) {
      const other = theirs.found.get(point)!;
      image.forEach((value, i) => {
        assert.ok(Math.abs(value - other[i]!) < 1e-5, `${attack.name}: image ${point}, value ${i}`);
      });
    }
  }
});
