import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import type { Attack } from '../../src/attacks/attack.js';
import { apgdCe } from '../../src/attacks/apgd.js';
import { resolveAttack } from '../../src/attacks/catalogue.js';
import { pgdSat } from '../../src/attacks/pgd.js';
import { keepPrograms } from '../../src/engine/kept-programs.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import { accuracyOf } from '../../src/evaluation/accuracy.js';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { createNetwork, type Network } from '../../src/models/network.js';
import type { ProgressEvent } from '../../src/progress.js';
import { createRng } from '../../src/random.js';
import { keepWeights, smallSubject } from '../attacks/networks.js';

const agreeing = smallSubject(30);
const epsilon = 1 / 255;
// Every fifth image is labelled wrongly: no attack is needed there.
const labels = agreeing.set.labels.map((label, i) => (i % 5 === 0 ? (label + 1) % 5 : label));
const subject = { ...agreeing, set: { ...agreeing.set, labels } };

/** An attack that reports what `make` makes of every point's image. */
const reporting = (name: string, make: (image: Float32Array) => Float32Array, radius = epsilon): Attack => ({
  name,
  epsilon: radius,
  run(_target, points, { report, finished }) {
    for (let point = 0; point < points.length; point++) {
      report(point, make(points.read([point]).images));
      finished(point);
    }
    return Promise.resolve();
  },
});

test('accuracies, intervals, outcomes and W-Robust; images and labels are untouched; nothing is left behind', async () => {
  const before = tf.memory().numTensors;
  const hash = (): string => createHash('sha256').update(subject.set.pixels).update(subject.set.labels).digest('hex');
  const untouched = hash();
  const events: ProgressEvent[] = [];
  const told: string[] = [];
  const { attacks, wRobust } = await evaluate({
    ...subject,
    attacks: ['clean', 'fgsm', pgdSat(epsilon), 'cw'],
    epsilon,
    progress: (event) => events.push(event),
    onOutcome: (name) => told.push(name),
  });
  assert.equal(tf.memory().numTensors, before);
  assert.equal(hash(), untouched);
  assert.deepEqual(Object.keys(attacks), ['clean', 'fgsm', 'pgd-sat', 'cw']);
  assert.deepEqual(told, Object.keys(attacks));
  const clean = attacks['clean']!;
  assert.deepEqual(
    Array.from(clean.outcome),
    Array.from({ length: 30 }, (_, i) => (i % 5 === 0 ? 0 : 1)),
  );
  for (const [name, measured] of Object.entries(attacks)) {
    const { correct, total, interval, outcome, seconds, imagesPerSecond } = measured;
    const accuracy = accuracyOf(measured);
    assert.equal(total, 30);
    assert.equal(
      correct,
      outcome.reduce((sum, right) => sum + right, 0),
    );
    assert.equal(accuracy, correct / 30);
    assert.ok(interval[0] <= accuracy && accuracy <= interval[1]);
    assert.ok(seconds > 0 && imagesPerSecond > 0);
    assert.ok(
      outcome.every((right, i) => right <= clean.outcome[i]!),
      `${name}: an image that is wrong is not right under attack`,
    );
    if (name !== 'clean') assert.equal(wRobust[name], (accuracyOf(clean) + accuracy) / 2);
  }
  assert.ok(attacks['pgd-sat']!.correct < clean.correct && attacks['pgd-sat']!.correct > 0);
  assert.deepEqual(
    events.filter(({ done, total }) => done === total).map(({ task }) => task),
    ['clean', 'fgsm', 'pgd-sat', 'cw'],
  );
});

test('the outcome does not depend on the size of the batches', async () => {
  const outcomes = await Promise.all(
    [1, 16, 128].map(async (batchSize) => {
      const { attacks } = await evaluate({
        ...subject,
        attacks: ['fgsm', 'pgd-sat', 'pgd-trades'],
        epsilon,
        batchSize,
      });
      return Object.values(attacks).map(({ outcome }) => Array.from(outcome));
    }),
  );
  assert.deepEqual(outcomes[1], outcomes[0]);
  assert.deepEqual(outcomes[2], outcomes[0]);
});

test('an image is attacked as itself, wherever it stands among the evaluated ones', async () => {
  const all = await evaluate({ ...subject, attacks: ['pgd-sat'], epsilon, seed: 3 });
  const indices = [22, 3, 14, 5, 29];
  const some = await evaluate({ ...subject, indices, attacks: ['pgd-sat'], epsilon, seed: 3 });
  assert.deepEqual(
    Array.from(some.attacks['pgd-sat']!.outcome),
    indices.map((index) => all.attacks['pgd-sat']!.outcome[index]),
  );
});

test('an attack is not trusted: its images are moved into the ball, and what is no number breaks nothing', async () => {
  const far = reporting('far', (image) => image.map((value) => value + 1));
  const harmless = reporting('harmless', (image) => image);
  const { attacks } = await evaluate({ ...subject, attacks: [far, harmless] });
  const moved = reporting('moved', (image) => image.map((value) => Math.min(value + epsilon, 1)));
  const expected = await evaluate({ ...subject, attacks: [moved] });
  assert.deepEqual(attacks['far']!.outcome, expected.attacks['moved']!.outcome);
  assert.deepEqual(attacks['harmless']!.outcome, attacks['clean']!.outcome);
  const broken = reporting('broken', (image) => image.map((value, i) => (i === 100 ? NaN : value)));
  const warnings: string[] = [];
  const judged = await evaluate({ ...subject, attacks: [broken], warn: (message) => warnings.push(message) });
  assert.deepEqual(judged.attacks['broken']!.outcome, judged.attacks['clean']!.outcome);
  assert.deepEqual(warnings, ['broken made images with values that are no numbers: they count as right.']);
  assert.deepEqual(judged.warnings, [{ attack: 'broken', message: warnings[0] }]);
});

test('a network that answers no number is wrong, whatever the index of its largest logit', async () => {
  const network: Network = {
    ...subject.network,
    evaluate: (weights, x) => tf.div(subject.network.evaluate(weights, x), 0),
  };
  const { attacks, warnings } = await evaluate({ ...subject, network, attacks: ['fgsm'] });
  assert.equal(attacks['clean']!.correct, 0);
  assert.equal(attacks['fgsm']!.correct, 0);
  assert.deepEqual(
    warnings.map(({ attack }) => attack),
    ['clean'],
  );
  assert.match(warnings[0]!.message, /no numbers .* for 30 of 30 images.*diverged/);
});

test('a known clean outcome is taken as it is, and an attack by its specification finds the same', async () => {
  const attacks = ['pgd-sat', 'square-20', 'autoattack-custom:apgd-ce+square'];
  const overrides = { 'autoattack-custom:apgd-ce+square': { iterations: 3, queries: 10 } };
  const specifications = attacks.map((name) =>
    resolveAttack(name, { epsilon, ...overrides[name as keyof typeof overrides] }),
  );
  const together = await evaluate({ ...subject, attacks: ['clean', ...specifications] });
  assert.deepEqual(Object.keys(together.attacks), ['clean', ...attacks]);
  const { outcome } = together.attacks['clean']!;
  for (const specification of specifications) {
    const tasks = new Set<string>();
    const alone = await evaluate({
      ...subject,
      attacks: [specification],
      clean: outcome,
      progress: ({ task }) => tasks.add(task),
    });
    assert.ok(!tasks.has('clean'));
    assert.deepEqual(alone.attacks['clean']!.outcome, outcome);
    const { name } = specification;
    assert.deepEqual(alone.attacks[name]!.outcome, together.attacks[name]!.outcome, name);
    assert.equal(alone.wRobust[name], together.wRobust[name]);
  }
  // What was wrong stays wrong, without being attacked.
  const nothing = await evaluate({ ...subject, attacks: ['fgsm'], clean: new Uint8Array(30) });
  assert.deepEqual([nothing.attacks['clean']!.correct, nothing.attacks['fgsm']!.correct], [0, 0]);
  const only = await evaluate({ ...subject, attacks: [resolveAttack('clean')] });
  assert.deepEqual(Object.keys(only.attacks), ['clean']);
});

test('transfer attacks are made on the surrogate and tried on the network', async () => {
  const surrogate = { network: subject.network, weights: subject.weights };
  const own = await evaluate({ ...subject, surrogate, attacks: ['bb-cw', 'cw'], epsilon });
  assert.deepEqual(
    own.attacks['bb-cw']!.outcome,
    own.attacks['cw']!.outcome,
    'its own surrogate is the network itself',
  );
  const stranger = createNetwork('cifar-resnet-8', { classes: 5, width: 0.25 });
  const other = { network: stranger, weights: keepWeights(stranger.initialise(createRng(77))) };
  const foreign = await evaluate({ ...subject, surrogate: other, attacks: ['bb-cw', 'bb-pgd-trades'], epsilon });
  assert.ok(foreign.attacks['bb-cw']!.correct > own.attacks['cw']!.correct);
  assert.deepEqual(Object.keys(foreign.attacks), ['clean', 'bb-cw', 'bb-pgd-trades']);
});

test('what does not fit together is refused before anything is computed', async () => {
  const refuses = (more: object, message: RegExp): Promise<void> =>
    assert.rejects(
      evaluate({ ...subject, attacks: ['fgsm'], ...more }),
      (error) => error instanceof UserError && message.test(error.message),
      message.source,
    );
  await refuses({ network: createNetwork('cifar-resnet-8', { classes: 10 }) }, /10 classes, but synthetic has 5/);
  await refuses({ network: createNetwork('cifar-resnet-8', { classes: 5, imageSize: 64 }) }, /64 × 64/);
  await refuses({ attacks: ['magic'] }, /no attack "magic".*autoattack/);
  await refuses({ attacks: ['autoattack-custom:magic'] }, /no stage "magic"/);
  await refuses({ attacks: ['bb-cw'] }, /surrogate/);
  await refuses({ attacks: ['fgsm', 'pgd-sat', 'fgsm'] }, /two attacks are both called "fgsm"/);
  const own = reporting('pgd', (image) => image);
  await refuses({ attacks: [own, { ...own, epsilon: 2 * epsilon }] }, /both called "pgd".*another name/);
  await refuses({ clean: new Uint8Array(29) }, /29 entries for 30 images/);
  await refuses({ clean: new Uint8Array(30).fill(2) }, /0 or 1/);
  await refuses({ indices: [] }, /no image/);
  await refuses({ indices: [30] }, /image 30/);
  await refuses({ epsilon: 0 }, /epsilon is 0/);
  await refuses({ epsilon: 8 }, /epsilon is 8/);
  await refuses({ batchSize: 0 }, /batch size is 0/);
  await refuses({ stateFile: 'state.json' }, /one sequence/);
  const three = smallSubject(8, { classes: 3 });
  await assert.rejects(
    evaluate({ ...three, attacks: ['autoattack'] }),
    (error) => error instanceof UserError && error.message.includes('apgd-t is defined for 4 classes'),
  );
});

test('an interrupt stops between two batches, and frees everything', async () => {
  const before = tf.memory().numTensors;
  for (const attack of [pgdSat(epsilon), apgdCe({ epsilon })]) {
    const controller = new AbortController();
    await assert.rejects(
      evaluate({
        ...subject,
        attacks: [attack],
        batchSize: 8,
        signal: controller.signal,
        progress: ({ task }) => {
          if (task === attack.name) controller.abort();
        },
      }),
      InterruptedError,
    );
  }
  assert.equal(tf.memory().numTensors, before);
});

test('programs that are kept for the next network of its kind change no outcome', async () => {
  const { network, set } = subject;
  const attacks = [
    'fgsm',
    'cw',
    'square-100',
    resolveAttack('autoattack', { iterations: 3, queries: 5, targets: 2, epsilon }),
  ];
  const networks = [1, 2].map((seed) => network.initialise(createRng(seed)));
  const outcomesOf = async (): Promise<unknown> => {
    const found = [];
    for (const weights of networks) {
      const { attacks: outcomes } = await evaluate({ network, weights, set, attacks, epsilon });
      found.push(Object.entries(outcomes).map(([name, { outcome }]) => [name, Array.from(outcome)]));
    }
    return found;
  };
  const alone = await outcomesOf();
  keepPrograms(20);
  try {
    assert.deepEqual(await outcomesOf(), alone);
  } finally {
    keepPrograms(0);
    tf.dispose(networks);
  }
});
