import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fab, fabTargeted } from '../../src/attacks/fab.js';
import { agreeingSet, linearNetwork, linearRadii, runAttack } from './networks.js';

const linear = linearNetwork(6, 8, 11);
const subject = { ...linear, set: agreeingSet(linear, 40) };
const radii = linearRadii(subject);

for (const [name, make] of [
  ['fab', fab],
  ['fab-t', fabTargeted],
] as const) {
  test(`on a linear network ${name} breaks exactly the images whose boundary lies inside the ball`, async () => {
    const epsilon = 0.004;
    const { found, finished } = await runAttack(make({ epsilon, iterations: 20 }), subject);
    radii.forEach((radius, image) => {
      // 1.05 is how far beyond the boundary a step aims; steps back towards the image come closer.
      if (radius < 0.95 * epsilon) assert.ok(found.has(image), `image ${image}, at ${radius}`);
      if (radius > epsilon) assert.ok(!found.has(image), `image ${image}, at ${radius}`);
    });
    assert.equal(finished.length, 40);
    assert.ok(found.size > 5 && found.size < 35, `${found.size} of 40 found`);
  });
}

test('what fab finds lies in the ball, and further runs from random starts find no less', async () => {
  const epsilon = 0.004;
  const once = await runAttack(fab({ epsilon, iterations: 3 }), subject);
  const often = await runAttack(fab({ epsilon, iterations: 3, restarts: 3 }), subject);
  for (const image of once.found.keys()) assert.ok(often.found.has(image));
  for (const [image, adversarial] of often.found) {
    const clean = Float32Array.from({ length: 192 }, (_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      return subject.set.pixels[image * 192 + channel * 64 + pixel]! / 255;
    });
    adversarial.forEach((value, i) => {
      assert.ok(Math.abs(value - clean[i]!) <= epsilon + 1e-6 && value >= 0 && value <= 1);
    });
  }
});
