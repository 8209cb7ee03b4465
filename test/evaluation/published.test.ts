import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autoAttack } from '../../src/attacks/auto-attack.js';
import { cwLinf, fgsm, pgd } from '../../src/attacks/pgd.js';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { logitsOf } from '../attacks/networks.js';
import { temporaryFolder } from '../temporary.js';
import { assertClose, hashed } from '../oracle.js';
import { takesMinutes } from '../slow.js';
import {
  needsPublished,
  publishedIndices,
  publishedNetworks,
  publishedOutcome,
  publishedSubject,
  type PublishedName,
} from './published-networks.js';

const folder = temporaryFolder();
const count = publishedIndices.length;
/** Of so many images, spread evenly; of all of them only where minutes are granted. */
const spread = (number: number): number[] => Array.from({ length: number }, (_, i) => Math.floor((i * count) / number));
const places = spread(takesMinutes === false ? count : 64);
const indices = Uint32Array.from(places, (place) => publishedIndices[place]!);

/** The oracle's start of PGD: ε·v of the hash with seed 31, planes first. */
const publishedStart = (epsilon: number) => {
  const noise = hashed(31, count * 3 * 1024, (u) => 2 * u - 1);
  return (index: number, size: number): Float32Array => {
    const first = (index / 39) * size;
    return Float32Array.from({ length: size }, (_, i) => epsilon * noise[first + (i % 3) * 1024 + Math.floor(i / 3)]!);
  };
};

const differing = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).filter((value, i) => value !== b[i]).length;

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((total, value) => total + value, 0);

for (const name of Object.keys(publishedNetworks) as PublishedName[]) {
  test(
    `${name}: logits, FGSM, PGD-20 and CW-30 as the published code has them`,
    { skip: needsPublished(name) },
    async () => {
      const subject = await publishedSubject(name, folder);
      const { epsilon, clean, logits, right } = publishedOutcome(name);
      const classes = logits.length / count;
      const wanted = places.flatMap((place) => Array.from(logits.subarray(place * classes, (place + 1) * classes)));
      const { attacks } = await evaluate({
        ...subject,
        indices,
        attacks: [
          fgsm(epsilon),
          pgd({ name: 'pgd20', epsilon, stepSize: epsilon / 4, steps: 20, start: publishedStart(epsilon) }),
          cwLinf(epsilon),
        ],
      });
      const chosen = {
        ...subject,
        set: {
          ...subject.set,
          length: indices.length,
          labels: Uint8Array.from(indices, (index) => subject.set.labels[index]!),
          pixels: Uint8Array.from({ length: indices.length * 3072 }, (_, i) => {
            return subject.set.pixels[indices[Math.floor(i / 3072)]! * 3072 + (i % 3072)]!;
          }),
        },
      };
      assertClose(logitsOf(chosen), wanted, 1e-4, 'logits');
      if (indices.length === count) assert.equal(attacks['clean']!.correct, clean);
      // Per image, too: the outcomes of these attacks are decided by the network, hardly by rounding. Of all 256 images two
      // may end otherwise: of fewer none, where that is less than one in 128.
      for (const [ours, theirs, ofAll] of [
        ['fgsm', 'fgsm', 1],
        ['pgd20', 'pgd20', 2],
        ['cw', 'cw30', 2],
      ] as const) {
        const most = Math.floor((ofAll * indices.length) / count);
        const published = places.map((place) => right(theirs)[place]!);
        const difference = differing(attacks[ours]!.outcome, published);
        assert.ok(difference <= most, `${ours}: ${difference} images end otherwise, ${most} may`);
      }
    },
  );
}

/** So many images show the sequence in a quarter of a minute; all of them, with the counts by stage, take minutes. */
const few = spread(12);

test(
  'AutoAttack on some images of the smaller network ends, image by image, as the published code has it',
  { skip: needsPublished('vnncomp2021-resnet4b.pth') },
  async () => {
    const subject = await publishedSubject('vnncomp2021-resnet4b.pth', folder);
    const { epsilon, right } = publishedOutcome('vnncomp2021-resnet4b.pth');
    const some = Uint32Array.from(few, (place) => publishedIndices[place]!);
    const { attacks } = await evaluate({ ...subject, indices: some, attacks: [autoAttack({ epsilon })] });
    const published = few.map((place) => right('after_square')[place]!);
    assert.ok(published.includes(0) && published.includes(1), 'some are lost, some hold');
    assert.ok(differing(attacks['autoattack']!.outcome, published) <= 1);
  },
);

for (const name of Object.keys(publishedNetworks) as PublishedName[]) {
  const skip = takesMinutes || needsPublished(name);
  test(`${name}: AutoAttack, stage by stage, as the published code has it`, { skip }, async (t) => {
    const subject = await publishedSubject(name, folder);
    const { epsilon, autoattack, right } = publishedOutcome(name);
    const { attacks } = await evaluate({ ...subject, indices: publishedIndices, attacks: [autoAttack({ epsilon })] });
    const { stages, outcome, correct, seconds } = attacks['autoattack']!;
    t.diagnostic(`${seconds.toFixed(1)} s`);
    for (const [stage, published] of Object.entries(autoattack)) {
      const ours = stages![stage]!;
      t.diagnostic(`${stage}: ${ours.correct}, published ${published}, ${ours.seconds.toFixed(1)} s`);
      assert.equal(ours.correct, sum(ours.outcome));
      assert.ok(Math.abs(ours.correct - published) <= 2, `after ${stage}: ${ours.correct}, published ${published}`);
    }
    assert.ok(
      Math.abs(correct - autoattack['square']!) <= 1,
      `in the end: ${correct}, published ${autoattack['square']}`,
    );
    assert.ok(differing(outcome, right('after_square')) <= 2);
  });
}
