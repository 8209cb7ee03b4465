import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { takesMinutes } from '../slow.js';
import { temporaryFolder } from '../temporary.js';
import { needsPublished, publishedSubject, type CheckpointName } from './published-networks.js';

/** What the authors report, in percent of CIFAR-10's 10,000 test images. */
const reported: Readonly<Record<CheckpointName, number>> = {
  'akamaster-resnet20-12fca82f.th': 91.73,
  'akamaster-resnet56-4bfd9763.th': 93.39,
  'vnncomp2021-resnet4b.pth': 77.2,
};

const folder = temporaryFolder();

for (const [name, percent] of Object.entries(reported) as [CheckpointName, number][]) {
  // The ResNets take half a minute each.
  const skip = needsPublished(name) || (name.startsWith('akamaster') && takesMinutes);
  test(`${name}: ${percent} % of all 10,000 test images are right`, { skip }, async (t) => {
    const { attacks } = await evaluate({ ...(await publishedSubject(name, folder)), attacks: ['clean'] });
    const { correct, total, seconds } = attacks['clean']!;
    t.diagnostic(`${correct} of ${total}, ${seconds.toFixed(1)} s`);
    assert.equal(total, 10_000);
    assert.ok(Math.abs(correct / 100 - percent) <= 0.02, `${correct / 100} %, reported ${percent} %`);
  });
}
