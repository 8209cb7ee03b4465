import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { startFrom, startNoise } from '../../src/attacks/threat-model.js';
import { tensorflow } from '../../src/engine/backend.js';
import type { Tensors } from '../../src/engine/gradient.js';
import { crossEntropy } from '../../src/engine/softmax.js';
import { findMethod, methods } from '../../src/methods/catalogue.js';
import { meanCrossEntropy } from '../../src/methods/losses.js';
import { commonRecipe, gaussianPgd10 } from '../../src/methods/common-recipe.js';
import { defineMethod, type Method } from '../../src/methods/method.js';
import type { Recipe } from '../../src/methods/recipe.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import {
  createTrainingProgram,
  type TrainingBatch,
  type TrainingProgram,
} from '../../src/training/training-program.js';
import { assertClose } from '../oracle.js';
import { phasesOf } from './contexts.js';

const batchSize = 16;
const network = createNetwork('cifar-resnet-8', { width: 0.5 });
const rng = createRng(1);

/** A method as a program on a small network of random weights, with teachers of other random weights. */
const smallProgram = (
  method: Method,
  { eager, progress = 0 }: { eager: boolean; progress?: number },
): { program: TrainingProgram; recipe: Recipe; scalars: Record<string, tf.Tensor> } => {
  const recipe = { ...method.recipe, attack: { ...method.recipe.attack, steps: 2 } };
  const scalars = Object.fromEntries(
    Object.entries(method.scalars?.({ progress, settings: recipe.settings, validations: [] }) ?? {}).map(
      ([name, value]) => [name, tf.scalar(value)],
    ),
  );
  const weighted = (who: string) => ({ network, weights: network.initialise(rng.fork(who)) });
  const networks = {
    student: weighted('student'),
    cleanTeacher: weighted('clean teacher'),
    robustTeacher: weighted('robust teacher'),
  };
  const program = createTrainingProgram(
    { method, recipe, networks, batchSizes: [batchSize], eager },
    Object.keys(scalars),
  );
  for (const { weights } of Object.values(networks)) tf.dispose(weights);
  return { program, recipe, scalars };
};

const smallBatch = (): TrainingBatch => ({
  x: tf.tensor4d(rng.fork('x').uniforms(batchSize * 32 * 32 * 3), [batchSize, 32, 32, 3]),
  labels: tf.tensor1d(
    Int32Array.from({ length: batchSize }, (_, i) => i % 10),
    'int32',
  ),
});

/** A whole step as the training loop makes it. @returns the loss's terms */
const wholeStep = (
  method: Method,
  phase: string,
  { program, recipe, scalars }: ReturnType<typeof smallProgram>,
  batch: TrainingBatch,
  index: number,
): Record<string, number> =>
  tf.tidy(() => {
    const { start, epsilon, steps } = recipe.attack;
    const prepared: Tensors = method.prepare || method.ascend ? program.prepare(batch, scalars) : {};
    let adversarial = batch.x;
    if (method.ascend) {
      const noise = startNoise(start, batch.x.size, epsilon, rng.fork('start', index));
      adversarial = startFrom(start, batch.x, tf.tensor4d(noise, batch.x.shape));
      for (let i = 0; i < steps; i++) adversarial = program.ascend(batch, adversarial, prepared, scalars);
      const moved = tf.max(tf.abs(tf.sub(adversarial, batch.x))).dataSync()[0]!;
      assert.ok(moved > 0 && moved <= epsilon + 1e-6, `the images moved by ${moved}`);
    }
    const terms = program.step(phase, batch, adversarial, prepared, scalars, { student: 0.05, robustTeacher: 1e-3 });
    return Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term.dataSync()[0]!]));
  });

/** Trains on one batch. @returns each step's terms, and everything that changed after `snapshotAfter` of them */
const trainOn = (
  method: Method,
  phase: string,
  { eager, steps, snapshotAfter }: { eager: boolean; steps: number; snapshotAfter: number },
): { terms: Record<string, number>[]; snapshot: Record<string, Float32Array> } => {
  const before = tf.memory().numTensors;
  const made = smallProgram(method, { eager });
  const batch = smallBatch();
  const terms: Record<string, number>[] = [];
  let snapshot: Record<string, Float32Array> = {};
  for (let i = 0; i < steps; i++) {
    terms.push(wholeStep(method, phase, made, batch, i));
    if (i + 1 !== snapshotAfter) continue;
    const values = made.program.snapshot();
    snapshot = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, Float32Array.from(value.dataSync())]),
    );
    tf.dispose(values);
  }
  made.program.dispose();
  tf.dispose([made.scalars, batch.x, batch.labels]);
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return { terms, snapshot };
};

/** Equal bit for bit. A GPU chooses its kernels by what surrounds them: there, as near as float32 sums in another order. */
const assertSame = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void => {
  if (tensorflow().binding.isUsingGpuDevice()) assertClose(actual, expected, 1e-3, what);
  else assert.deepEqual([...Array.from(actual)], [...Array.from(expected)], what);
};

const compared = 2;

for (const method of methods) {
  for (const phase of phasesOf(method)) {
    test(`${method.name}, ${phase}: the loss on a batch falls, the same as a graph and kernel by kernel`, () => {
      const graph = trainOn(method, phase, { eager: false, steps: 6, snapshotAfter: compared });
      const losses = graph.terms.map(({ loss }) => loss!);
      assert.ok(losses.every(Number.isFinite));
      assert.ok(losses.at(-1)! < 0.95 * losses[0]!, `the losses are ${losses.join(', ')}`);

      const eager = trainOn(method, phase, { eager: true, steps: compared, snapshotAfter: compared });
      eager.terms.forEach((terms, i) => {
        assert.deepEqual(Object.keys(terms).sort(), Object.keys(graph.terms[i]!).sort());
        for (const [name, value] of Object.entries(terms)) {
          assertSame([graph.terms[i]![name]!], [value], `${name} of step ${i + 1}`);
        }
      });
      assert.deepEqual(Object.keys(eager.snapshot).sort(), Object.keys(graph.snapshot).sort());
      for (const [name, values] of Object.entries(eager.snapshot)) assertSame(graph.snapshot[name]!, values, name);
    });
  }
}

for (const eager of [true, false]) {
  test(`what is prepared of the student is of its present weights, ${eager ? 'eager' : 'as a graph'}`, () => {
    const method = findMethod('trades');
    const made = smallProgram(method, { eager });
    const batch = smallBatch();
    wholeStep(method, 'train', made, batch, 0);
    tf.tidy(() => {
      const prepared = made.program.prepare(batch, {})['naturalLogits']!;
      made.program.fold();
      assertClose(prepared.dataSync(), made.program.logits(batch.x).dataSync(), 1e-5, 'logits');
    });
    made.program.dispose();
    tf.dispose([batch.x, batch.labels]);
  });
}

test('a method is an object: one that nothing else knows of trains, with its own numbers, phases and preparation', () => {
  // Adversarial logit pairing (Kannan et al., 2018), its weight warmed up, plus the clean teacher's logits as a target.
  const pairing = defineMethod({
    name: 'logit-pairing',
    title: 'Adversarial logit pairing',
    source: 'this test',
    teachers: { clean: 'frozen' },
    recipe: {
      ...commonRecipe,
      epochs: 10,
      optimiser: { learningRate: { kind: 'steps', rate: 0.1, at: [], factor: 1 }, momentum: 0.9, weightDecay: 0 },
      attack: { ...gaussianPgd10, steps: 2 },
    },
    settings: { pairing: z.number().min(0).default(0.5).describe('Weight of the pairing') },
    state: { steps: 0 },
    phases: ['alone', 'paired'],
    phase: ({ progress }) => (progress >= 0.2 ? 'paired' : 'alone'),
    scalars: ({ progress, settings }) => ({ pairing: settings.pairing * Math.min(1, 2 * progress) }),
    prepare: ({ cleanTeacher, x }) => ({ cleanLogits: cleanTeacher.evaluate(x) }),
    ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
    objective(adversarial, { student, labels, prepared, scalars, state }, phase) {
      const logits = student.train(adversarial);
      const supervised = meanCrossEntropy(logits, labels);
      const distance = tf.mean<tf.Scalar>(tf.square(tf.sub(logits, prepared['cleanLogits']!)));
      const loss: tf.Scalar =
        phase === 'paired' ? tf.add(supervised, tf.mul(distance, scalars['pairing']!)) : supervised;
      return { student: loss, terms: { loss, distance }, state: { steps: tf.add(state['steps']!, 1) } };
    },
  });
  const before = tf.memory().numTensors;
  const made = smallProgram(pairing, { eager: false, progress: 0.5 });
  const batch = smallBatch();
  const losses = [0, 1, 2].map((i) => wholeStep(pairing, 'paired', made, batch, i)['loss']!);
  assert.ok(losses[2]! < losses[0]!, `the losses are ${losses.join(', ')}`);
  const snapshot = made.program.snapshot();
  assert.equal(snapshot['state/steps']!.dataSync()[0], 3);
  made.program.dispose();
  tf.dispose([snapshot, made.scalars, batch.x, batch.labels]);
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
});
