import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { apgdCe, apgdDlr, apgdTargeted, checkIntervals, createApgdRun } from '../../src/attacks/apgd.js';
import { checkClasses } from '../../src/attacks/attack.js';
import { UserError } from '../../src/errors.js';
import type { Network } from '../../src/models/network.js';
import { agreeingSet, linearNetwork, linearRadii, runAttack, smallSubject } from './networks.js';

/** The iterations after which the step size is looked at. */
const checkpointsOf = (iterations: number): number[] => {
  const checkpoints: number[] = [];
  for (const interval of checkIntervals(iterations)) {
    const next = (checkpoints.at(-1) ?? 0) + interval;
    if (next > iterations) break;
    checkpoints.push(next);
  }
  return checkpoints;
};

test('the step size is looked at after 22, 41, 57, 70, 80, 87, 93 and 99 of 100 iterations', () => {
  assert.deepEqual(checkpointsOf(100), [22, 41, 57, 70, 80, 87, 93, 99]);
});

test('the best loss of a run never falls, and its step size only halves, at checkpoints alone', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 120 }),
      fc.array(fc.float({ min: -5, max: 5, noNaN: true }), { minLength: 121, maxLength: 121 }),
      (iterations, losses) => {
        const epsilon = 8 / 255;
        const run = createApgdRun(epsilon, iterations);
        assert.equal(run.stepSize, 0, 'the first evaluation is of the start itself');
        let best = -Infinity;
        let step = 2 * epsilon;
        for (let i = 0; ; i++) {
          const verdict = run.observe(losses[i]!);
          assert.ok(run.bestLoss >= best);
          assert.equal(run.bestLoss, Math.max(best, losses[i]!));
          assert.equal(run.improved, i === 0 || losses[i]! > best ? 1 : 0);
          best = run.bestLoss;
          if (run.stepSize !== step) {
            assert.equal(run.stepSize, step / 2);
            assert.ok(checkpointsOf(iterations).includes(i), `halved after ${i} of ${iterations}`);
            step /= 2;
          }
          if (verdict === 'rewind') assert.ok(checkpointsOf(iterations).includes(i) && !run.improved);
          if (verdict === 'over') {
            assert.equal(i, iterations);
            break;
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('a loss that rises at every step keeps its step size; one that falls halves it at every checkpoint', () => {
  const rising = createApgdRun(1, 100);
  const falling = createApgdRun(1, 100);
  for (let i = 0; i <= 100; i++) {
    rising.observe(1 + i);
    falling.observe(-1 - i);
  }
  assert.equal(rising.stepSize, 2);
  assert.equal(falling.stepSize, 2 / 2 ** 8);
});

test('on a linear network each Auto-PGD breaks exactly the images whose boundary lies inside the ball', async () => {
  const epsilon = 0.004;
  const linear = linearNetwork(6, 8, 11);
  const subject = { ...linear, set: agreeingSet(linear, 40) };
  const radii = linearRadii(subject);
  const within = radii.flatMap((radius, i) => (radius < 0.99 * epsilon ? [i] : []));
  const beyond = radii.flatMap((radius, i) => (radius > epsilon ? [i] : []));
  assert.ok(within.length > 5 && beyond.length > 5, `${within.length} within and ${beyond.length} beyond`);
  // The targeted one is sure to find the nearest boundary; the others ascend what is highest, which is mostly the same.
  const { found } = await runAttack(apgdTargeted({ epsilon, iterations: 30, targets: 5 }), subject);
  for (const image of within) assert.ok(found.has(image), `image ${image}, at ${radii[image]}`);
  for (const image of beyond) assert.ok(!found.has(image), `image ${image}, at ${radii[image]}`);
  for (const attack of [apgdCe({ epsilon, iterations: 30 }), apgdDlr({ epsilon, iterations: 30 })]) {
    const { found: others } = await runAttack(attack, subject);
    for (const image of beyond) assert.ok(!others.has(image), `${attack.name}: image ${image}`);
    const missed = within.filter((image) => !others.has(image));
    assert.ok(missed.length <= 0.2 * within.length, `${attack.name} missed ${missed.length} of ${within.length}`);
  }
});

test('with fewer classes than targets all of them are aimed at; too few for the loss are refused', async () => {
  const linear = linearNetwork(4, 8, 2);
  const subject = { ...linear, set: agreeingSet(linear, 8) };
  const { finished } = await runAttack(apgdTargeted({ epsilon: 1e-4, iterations: 3 }), subject);
  assert.deepEqual(
    [...finished].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  for (const [attack, least] of [
    [apgdTargeted(), 4],
    [apgdDlr(), 3],
    [apgdCe(), 2],
  ] as const) {
    assert.doesNotThrow(() => {
      checkClasses(attack, least);
    });
    assert.throws(
      () => {
        checkClasses(attack, least - 1);
      },
      (error) => error instanceof UserError && error.message.includes(attack.name),
    );
  }
  assert.throws(() => apgdCe({ iterations: 0 }), UserError);
});

const rounded =
  (network: Network): Network['evaluate'] =>
  (weights, x) =>
    tf.round(network.evaluate(weights, x));

test('gradients of zero are warned of', async () => {
  const linear = linearNetwork(4, 8, 2);
  const subject = { ...linear, set: agreeingSet(linear, 8) };
  const { network } = linear;
  // Logits that are rounded to whole numbers have no slope.
  const flat = { ...subject, network: { ...network, evaluate: rounded(network) } };
  const { warnings } = await runAttack(apgdDlr({ epsilon: 1e-4, iterations: 2 }), flat);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /gradient is zero/);
  assert.deepEqual((await runAttack(apgdDlr({ epsilon: 1e-4, iterations: 2 }), subject)).warnings, []);
});

test('the mean of several evaluations is the gradient itself where the network is not random', async () => {
  const subject = smallSubject(8);
  const once = await runAttack(apgdCe({ epsilon: 4 / 255, iterations: 6 }), subject);
  const often = await runAttack(apgdCe({ epsilon: 4 / 255, iterations: 6, evaluations: 4 }), subject);
  assert.deepEqual([...often.found.keys()].sort(), [...once.found.keys()].sort());
});
