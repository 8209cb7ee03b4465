import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { autoAttack, stageNames } from '../../src/attacks/auto-attack.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import { checkOutputs, checkSquareGain } from '../../src/evaluation/checks.js';
import { evaluate, type EvaluationOptions } from '../../src/evaluation/evaluate.js';
import { smallSubject } from '../attacks/networks.js';
import { temporaryFolder } from '../temporary.js';

const subject = smallSubject(24);
const epsilon = 0.7 / 255;
const sequence = autoAttack({ version: 'custom', stages: stageNames, epsilon, iterations: 6, queries: 20 });
const options: EvaluationOptions = { ...subject, attacks: [sequence], batchSize: 8 };
const folder = temporaryFolder();

const outcomeOf = async (more: Partial<EvaluationOptions> = {}) => {
  const { attacks } = await evaluate({ ...options, ...more });
  const { outcome, stages } = attacks[sequence.name]!;
  return {
    outcome: Array.from(outcome),
    stages: Object.entries(stages!).map(([name, stage]) => [name, Array.from(stage.outcome)] as const),
  };
};
const uninterrupted = await outcomeOf();

test('the versions have the published stages', () => {
  assert.deepEqual(
    (['standard', 'plus', 'rand'] as const).map((version) => autoAttack({ version }).stages.map(({ name }) => name)),
    [
      ['apgd-ce', 'apgd-t', 'fab-t', 'square'],
      ['apgd-ce', 'apgd-dlr', 'fab', 'square', 'apgd-t', 'fab-t'],
      ['apgd-ce', 'apgd-dlr'],
    ],
  );
  assert.throws(() => autoAttack({ version: 'custom' }), UserError);
  assert.throws(() => autoAttack({ version: 'plus', stages: ['square'] }), UserError);
  assert.throws(() => autoAttack({ version: 'custom', stages: ['pgd'] }), UserError);
});

test('robust accuracy never rises from stage to stage, and the end is what the last stage left', () => {
  const { outcome, stages } = uninterrupted;
  assert.deepEqual(
    stages.map(([name]) => name),
    stageNames,
  );
  let left = new Array<number>(24).fill(1);
  for (const [name, after] of stages) {
    assert.ok(
      after.every((right, i) => right <= left[i]!),
      name,
    );
    left = after;
  }
  assert.deepEqual(outcome, left);
  const right = outcome.filter((value) => value === 1).length;
  assert.ok(right > 0 && right < 24, `${right} of 24 robust`);
});

test('an image is robust under the sequence exactly where it is robust under each of its attacks', async () => {
  const { attacks } = await evaluate({ ...options, attacks: sequence.stages });
  const each = stageNames.map((name) => attacks[name]!.outcome);
  assert.deepEqual(
    uninterrupted.outcome,
    Array.from({ length: 24 }, (_, i) => Math.min(...each.map((outcome) => outcome[i]!))),
  );
});

test('the outcome does not depend on the size of the batches, and nothing is left behind', async () => {
  const before = tf.memory().numTensors;
  for (const batchSize of [1, 64]) assert.deepEqual(await outcomeOf({ batchSize }), uninterrupted);
  assert.equal(tf.memory().numTensors, before);
});

test('interrupted anywhere and started again, it ends as if it had not been', async () => {
  const stateFile = join(folder, 'state.json');
  const before = tf.memory().numTensors;
  let interruptions = 0;
  const saved = new Set<string>();
  for (;;) {
    const controller = new AbortController();
    // Some steps into each attempt, so that every attempt has got further than the one before.
    let events = 0;
    try {
      const ended = await outcomeOf({
        stateFile,
        signal: controller.signal,
        progress: ({ task }) => {
          if (task.startsWith(sequence.name) && ++events === 9) controller.abort();
        },
      });
      assert.deepEqual(ended, uninterrupted);
      break;
    } catch (error) {
      assert.ok(error instanceof InterruptedError, String(error));
      interruptions++;
      const { stages } = JSON.parse(readFileSync(stateFile, 'utf8')) as { stages: { name: string }[] };
      saved.add(stages.at(-1)!.name);
    }
  }
  assert.ok(interruptions >= 4 && saved.size >= 3, `interrupted ${interruptions} times, in ${[...saved].join(', ')}`);
  assert.equal(tf.memory().numTensors, before);

  // What is complete is read, not done again.
  const tasks = new Set<string>();
  assert.deepEqual(await outcomeOf({ stateFile, progress: ({ task }) => tasks.add(task) }), uninterrupted);
  assert.deepEqual([...tasks], ['clean']);
});

test('a state belongs to its network, images, radius, settings and seed', async () => {
  const stateFile = join(folder, 'bound.json');
  const short = autoAttack({ version: 'custom', stages: ['apgd-ce'], epsilon, iterations: 2 });
  const first = { ...options, attacks: [short], indices: [0, 1, 2, 3], stateFile };
  await evaluate(first);
  const longer = autoAttack({ version: 'custom', stages: ['apgd-ce'], epsilon, iterations: 3 });
  const wider = autoAttack({ version: 'custom', stages: ['apgd-ce'], epsilon: 2 * epsilon, iterations: 2 });
  const [name, tensor] = Object.entries(subject.weights)[0]!;
  const other = { ...subject.weights, [name]: tf.add(tensor, 1e-4) };
  for (const [more, word] of [
    [{ seed: 1 }, /seed \(0 there, 1 here\)/],
    [{ indices: [0, 1, 2, 4] }, /images/],
    [{ attacks: [longer] }, /iterations/],
    [{ attacks: [wider] }, /epsilon/],
    [{ weights: other }, /network/],
    [{ attacks: [sequence] }, /stages/],
  ] as const) {
    await assert.rejects(
      evaluate({ ...first, ...more }),
      (error) => error instanceof UserError && word.test(error.message),
      word.source,
    );
  }
  other[name]!.dispose();
  const text = readFileSync(stateFile, 'utf8');
  for (const damaged of ['', text.slice(0, -5), '[]', '{"format":1}', text.replace('"settled":[', '"settled":[-1,')]) {
    writeFileSync(stateFile, damaged);
    await assert.rejects(
      evaluate(first),
      (error) => error instanceof UserError && error.message.includes('is not the state'),
      damaged.slice(0, 40),
    );
  }
  assert.ok(existsSync(stateFile));
});

test('random outputs and probabilities are warned of, and gains of Square', () => {
  const classes = 4;
  const logits = Float32Array.from({ length: 20 }, (_, i) => ((i * 7) % 11) - 5);
  assert.deepEqual(
    checkOutputs(() => logits, { classes }, false),
    [],
  );
  let call = 0;
  const random = (): Float32Array => logits.map((value, i) => value + (i === 3 ? 0.01 * call++ : 0));
  assert.match(checkOutputs(random, { classes }, false).join(), /differ from call to call.*autoattack-rand/);
  assert.deepEqual(checkOutputs(random, { classes }, true), [], 'the version for random networks expects it');
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }), (weights) => {
      const sum = weights.reduce((total, weight) => total + weight, 0);
      const probabilities = Float32Array.from(weights, (weight) => weight / sum);
      assert.match(checkOutputs(() => probabilities, { classes }, false).join(), /probabilities/);
    }),
  );

  const accuracies = (square: number) =>
    Object.entries({ clean: 0.9, 'apgd-ce': 0.5, 'apgd-t': 0.48, square }).map(([name, accuracy]) => ({
      name,
      accuracy,
    }));
  assert.deepEqual(checkSquareGain(accuracies(0.479)), []);
  assert.match(checkSquareGain(accuracies(0.47)).join(), /Square lowered the robust accuracy by 1\.00 points/);
  assert.deepEqual(checkSquareGain(accuracies(0.47).slice(0, 3)), []);
});

test('what a stage warned of is known to whoever goes on from its state', async () => {
  const stateFile = join(folder, 'warned.json');
  // Its outputs are those of the network, without a gradient.
  const network: typeof subject.network = {
    ...subject.network,
    evaluate(weights, x) {
      const logits = subject.network.evaluate(weights, x);
      return tf.add(tf.mul(logits, 0), tf.mul(tf.cast(tf.oneHot(tf.argMax(logits, 1), 5), 'float32'), 5));
    },
  };
  const flat = autoAttack({ version: 'custom', stages: ['apgd-dlr'], epsilon, iterations: 2 });
  const given = { ...options, network, attacks: [flat], indices: [0, 1, 2], stateFile };
  const { warnings } = await evaluate(given);
  assert.match(warnings.map(({ message }) => message).join(), /gradient is zero/);
  assert.deepEqual(new Set(warnings.map(({ attack }) => attack)), new Set([flat.name]));
  assert.deepEqual((await evaluate(given)).warnings, warnings);
});

test('the warnings reach the caller, once', async () => {
  const warnings: string[] = [];
  const network = {
    ...subject.network,
    evaluate: (...args: Parameters<typeof subject.network.evaluate>) => tf.softmax(subject.network.evaluate(...args)),
  };
  const found = await evaluate({ ...options, network, indices: [0, 1, 2], warn: (message) => warnings.push(message) });
  assert.deepEqual(
    found.warnings.map(({ message }) => message),
    warnings,
  );
  assert.equal(warnings.filter((message) => message.includes('probabilities')).length, 1);
  assert.equal(new Set(warnings).size, warnings.length);
});
