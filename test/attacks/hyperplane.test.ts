import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { towardsHyperplaneLinf } from '../../src/attacks/hyperplane.js';
import '../../src/engine/backend.js';
import { createRng } from '../../src/random.js';

const pixels = 3 * 6 * 6;

/** The same step by sorting the coordinates by their room, in double precision. */
const bySorting = (x: ArrayLike<number>, w: ArrayLike<number>, excess: number): number[] => {
  const side = excess >= 0 ? 1 : -1;
  const coordinates = Array.from({ length: x.length }, (_, i) => {
    const away = Math.sign(w[i]!) * side;
    return { away, weight: Math.abs(w[i]!), room: away > 0 ? x[i]! : 1 - x[i]! };
  });
  const wanted = Math.abs(excess);
  const reach = coordinates.reduce((sum, { weight, room }) => sum + weight * room, 0);
  let lambda = 1;
  if (wanted < reach) {
    const order = [...coordinates].sort((a, b) => a.room - b.room);
    let free = order.reduce((sum, { weight }) => sum + weight, 0);
    let gained = 0;
    lambda = 0;
    for (const { room, weight } of order) {
      if (gained + free * (room - lambda) >= wanted) break;
      gained += free * (room - lambda);
      lambda = room;
      free -= weight;
    }
    lambda += (wanted - gained) / free;
  }
  return coordinates.map(({ away, room }) => (away === 0 ? 0 : -away * Math.min(room, lambda)));
};

const arbitrary = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  // Share of coordinates with no weight, and of those at a wall of the box.
  idle: fc.constantFrom(0, 0.3),
  atWall: fc.constantFrom(0, 0.2, 0.5),
  // How far the hyperplane lies, as a share of what the box allows; beyond 1 it is out of reach.
  share: fc.constantFrom(0, 1e-4, 0.01, 0.1, 0.3, 1.5),
  sign: fc.constantFrom(1, -1),
});

test('the step to a hyperplane is the shortest one inside [0, 1]', () => {
  fc.assert(
    fc.property(arbitrary, ({ seed, idle, atWall, share, sign }) => {
      const rng = createRng(seed);
      const x = Float32Array.from({ length: pixels }, () => {
        const u = rng.uniform();
        return u < atWall ? Math.round(rng.uniform()) : rng.uniform();
      });
      const w = Float32Array.from({ length: pixels }, () => (rng.uniform() < idle ? 0 : rng.normal()));
      const reach = w.reduce((sum, value, i) => sum + Math.abs(value) * (value * sign > 0 ? x[i]! : 1 - x[i]!), 0);
      const excess = Math.fround(sign * share * reach);
      const step = tf.tidy(
        () =>
          towardsHyperplaneLinf(
            tf.tensor4d(x, [1, 6, 6, 3]),
            tf.tensor4d(w, [1, 6, 6, 3]),
            tf.tensor1d([excess]),
          ).dataSync() as Float32Array,
      );
      const exact = bySorting(x, w, excess);
      const length = Math.max(...exact.map(Math.abs));
      // Newton comes from below and stops a little short where half the coordinates are at the wall.
      const tolerance = share > 0.1 ? 0.03 : 2e-3;
      step.forEach((value, i) => {
        assert.ok(
          Math.abs(value - exact[i]!) <= tolerance * length + 1e-6,
          `coordinate ${i}: ${value}, exactly ${exact[i]}; the step is ${length} long`,
        );
        assert.ok(x[i]! + value >= -1e-6 && x[i]! + value <= 1 + 1e-6, `coordinate ${i} leaves [0, 1]`);
      });
    }),
    { numRuns: 100 },
  );
});
