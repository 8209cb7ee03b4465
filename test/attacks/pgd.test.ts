import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carliniWagnerLoss } from '../../src/attacks/attack-losses.js';
import { cwLinf, fgsm, pgd, pgdSat, pgdTrades } from '../../src/attacks/pgd.js';
import { gather } from '../../src/data/batches.js';
import { agreeingSet, linearNetwork, linearRadii, runAttack, smallSubject } from './networks.js';

const epsilon = 0.004;
const linear = linearNetwork(2, 8, 4);
const subject = { ...linear, set: agreeingSet(linear, 40) };
const radii = linearRadii(subject);

/** Whether an adversarial image of the linear network is misclassified. */
const isBroken = (image: Float32Array, label: number): boolean => {
  const matrix = linear.weights['matrix']!.dataSync();
  const difference = image.reduce(
    (sum, value, i) => sum + (value - 0.5) * (matrix[2 * i + label]! - matrix[2 * i + 1 - label]!),
    0,
  );
  return difference < 0;
};

test('with two classes and a linear network every gradient attack breaks what lies inside the ball, and no more', async () => {
  for (const attack of [
    fgsm(epsilon),
    pgdSat(epsilon),
    pgdTrades(epsilon),
    cwLinf(epsilon),
    pgd({ name: 'from gaussian noise', epsilon, stepSize: epsilon / 4, steps: 10, start: 'gaussian' }),
  ]) {
    const { found, finished } = await runAttack(attack, subject);
    assert.equal(finished.length, 40);
    radii.forEach((radius, i) => {
      const broken = isBroken(found.get(i)!, subject.set.labels[i]!);
      if (radius < 0.999 * epsilon) assert.ok(broken, `${attack.name}: image ${i}, at ${radius}`);
      if (radius > 1.001 * epsilon) assert.ok(!broken, `${attack.name}: image ${i}, at ${radius}`);
    });
  }
});

test('images stay in the ball and in [0, 1] exactly; where they are clamped at the end alone, in the ball', async () => {
  const radius = 8 / 255;
  const wild = smallSubject(16);
  for (const attack of [fgsm(radius), pgdSat(radius), pgdTrades(radius), cwLinf(radius)]) {
    const { found } = await runAttack(attack, wild);
    for (const [point, image] of found) {
      const { images } = gather(wild.set, [point]);
      image.forEach((value, i) => {
        const low = Math.fround(images[i]! - Math.fround(radius));
        const high = Math.fround(images[i]! + Math.fround(radius));
        const clamped = attack.name !== 'cw';
        assert.ok(value >= low && value <= high, `${attack.name}: ${value} is not in [${low}, ${high}]`);
        if (clamped) assert.ok(value >= 0 && value <= 1);
      });
    }
  }
});

test('the noise of a start of one’s own is that of the image at its position', async () => {
  const at: number[] = [];
  const { found } = await runAttack(
    pgd({
      epsilon,
      stepSize: 0,
      steps: 1,
      loss: carliniWagnerLoss(0),
      start(index, size) {
        at.push(index);
        return new Float32Array(size).fill(index * 1e-5);
      },
    }),
    subject,
    { batchSize: 16 },
  );
  assert.deepEqual(
    at,
    Array.from({ length: 40 }, (_, i) => i),
  );
  const { images } = gather(subject.set, [7]);
  assert.ok(Math.abs(found.get(7)![0]! - images[0]! - 7e-5) < 1e-7);
});
