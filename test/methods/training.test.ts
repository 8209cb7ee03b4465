import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { tensorflow } from '../../src/engine/backend.js';
import { crossEntropy } from '../../src/engine/softmax.js';
import { findMethod, methods } from '../../src/methods/catalogue.js';
import { meanCrossEntropy } from '../../src/methods/losses.js';
import { commonRecipe, gaussianPgd10 } from '../../src/methods/common-recipe.js';
import { defineMethod, type Method } from '../../src/methods/method.js';
import { resolveRecipe, type Recipe, type RecipeChanges } from '../../src/methods/recipe.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { prefixPhase } from '../../src/training/step-functions.js';
import { trainingStep } from '../../src/training/step.js';
import { createTrainingProgram, type TrainingProgram } from '../../src/training/training-program.js';
import { assertClose } from '../oracle.js';
import { phasesOf } from './contexts.js';

const batchSize = 16;
const network = createNetwork('cifar-resnet-8', { width: 0.5 });
const rng = createRng(1);

/** A method as a program on a small network of random weights, with teachers of other random weights. */
const smallProgram = (
  method: Method,
  { eager, progress = 0, changes = {} }: { eager: boolean; progress?: number; changes?: RecipeChanges },
): { program: TrainingProgram; recipe: Recipe } => {
  const recipe = resolveRecipe(method, { attack: { steps: 2 }, ...changes });
  const weighted = (who: string) => ({ network, weights: network.initialise(rng.fork(who)) });
  const networks = {
    student: weighted('student'),
    cleanTeacher: weighted('clean teacher'),
    robustTeacher: weighted('robust teacher'),
  };
  let program: TrainingProgram;
  try {
    program = createTrainingProgram({ method, recipe, networks, batchSizes: [batchSize], eager });
  } finally {
    for (const { weights } of Object.values(networks)) tf.dispose(weights);
  }
  program.beginEpoch({
    scalars: method.scalars?.({ progress, settings: recipe.settings, validations: [] }) ?? {},
    rates: { student: 0.05, robustTeacher: 1e-3 },
  });
  return { program, recipe };
};

const shape: [number, number, number, number] = [batchSize, 32, 32, 3];
const batch = {
  size: batchSize,
  images: rng.fork('x').uniforms(batchSize * 32 * 32 * 3),
  labels: Int32Array.from({ length: batchSize }, (_, i) => i % 10),
};

/** A whole step as the training loop makes it. @returns the loss's terms */
const wholeStep = (
  method: Method,
  phase: string,
  { program, recipe }: ReturnType<typeof smallProgram>,
  index: number,
): Record<string, number> => trainingStep(program, { method, recipe, phase, batch, rng: rng.fork('start', index) });

/** Values of a snapshot, which is disposed. */
const valuesOf = (snapshot: Record<string, tf.Tensor>): Record<string, Float32Array> => {
  const values = Object.fromEntries(
    Object.entries(snapshot).map(([name, value]) => [name, Float32Array.from(value.dataSync())]),
  );
  tf.dispose(snapshot);
  return values;
};

/** Trains on one batch. @returns each step's terms, and everything that changed after `snapshotAfter` of them */
const trainOn = (
  method: Method,
  phase: string,
  {
    eager,
    steps,
    snapshotAfter,
    changes = {},
  }: { eager: boolean; steps: number; snapshotAfter: number; changes?: RecipeChanges },
): { terms: Record<string, number>[]; snapshot: Record<string, Float32Array> } => {
  const before = tf.memory().numTensors;
  const made = smallProgram(method, { eager, changes });
  const terms: Record<string, number>[] = [];
  let snapshot: Record<string, Float32Array> = {};
  for (let i = 0; i < steps; i++) {
    terms.push(wholeStep(method, phase, made, i));
    made.program.average(i + 1);
    if (i + 1 === snapshotAfter) snapshot = valuesOf(made.program.snapshot());
  }
  made.program.dispose();
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

const variants: readonly (readonly [Method, string, RecipeChanges])[] = [
  [findMethod('ciard'), 'distil', { averaging: { decay: 0.99 }, labelSmoothing: 0.1, naturalPrefix: 0.5 }],
  [findMethod('ciard'), prefixPhase, { naturalPrefix: 0.5, labelSmoothing: 0.1 }],
  [
    findMethod('ciard'),
    'distil',
    { settings: { pushOn: 'clean', naturalTerm: 'clean-teacher', pushRule: 'magnitude' } },
  ],
  [findMethod('ciard-code'), 'distil and retrain', { settings: { naturalTerm: 'cross-entropy' } }],
  [findMethod('trades'), 'train', { attack: { start: 'clean' }, labelSmoothing: 0.2 }],
];
for (const [method, phase, changes] of variants) {
  test(`${method.name}, ${phase}, ${JSON.stringify(changes)}: the same as a graph and kernel by kernel`, () => {
    const [graph, eager] = [false, true].map((how) =>
      trainOn(method, phase, { eager: how, steps: compared, snapshotAfter: compared, changes }),
    );
    assert.deepEqual(graph!.terms.map(Object.keys), eager!.terms.map(Object.keys));
    graph!.terms.forEach((terms, i) => {
      for (const [name, value] of Object.entries(terms)) assertSame([value], [eager!.terms[i]![name]!], name);
    });
    assert.deepEqual(Object.keys(graph!.snapshot), Object.keys(eager!.snapshot));
    for (const [name, values] of Object.entries(eager!.snapshot)) assertSame(graph!.snapshot[name]!, values, name);
  });
}

test("a loss's weight multiplies what the student's gradient moves, not the natural prefix and not the teacher", () => {
  const name = 'conv1.weight';
  const method = findMethod('ciard-code');
  const moved = (phase: string, lossWeight: number | undefined, who: string): number[] => {
    const optimiser = { momentum: 0, weightDecay: 0 };
    const changes = { naturalPrefix: 0.5, lossWeight, optimiser, teacherOptimiser: optimiser };
    const made = smallProgram(method, { eager: false, changes });
    const now = (): Float32Array => valuesOf(made.program.snapshot())[`${who}/${name}`]!;
    const before = now();
    wholeStep(method, phase, made, 0);
    const difference = Array.from(now(), (value, i) => value - before[i]!);
    made.program.dispose();
    return difference;
  };
  const retraining = 'distil and retrain';
  const plain = moved(retraining, undefined, 'student');
  assert.ok(plain.some((value) => Math.abs(value) > 1e-5));
  assertClose(
    moved(retraining, 3, 'student'),
    plain.map((value) => 3 * value),
    1e-2,
    'the student',
  );
  assertSame(moved(retraining, 3, 'robustTeacher'), moved(retraining, undefined, 'robustTeacher'), 'the teacher');
  assertSame(moved(prefixPhase, 3, 'student'), moved(prefixPhase, undefined, 'student'), 'the natural prefix');
});

test('the average of the weights follows its rule, step by step, and is what goes out', () => {
  const decay = 0.3;
  const made = smallProgram(findMethod('natural'), { eager: false, changes: { averaging: { decay } } });
  const name = 'conv1.weight';
  const running = 'bn1.running_mean';
  const now = (path: string): Float32Array => valuesOf(made.program.snapshot())[path]!;
  for (const variable of [name, running]) {
    assert.deepEqual(now(`average/${variable}`), now(`student/${variable}`), 'it begins at the first weights');
  }
  for (const step of [1, 2, 3, 4]) {
    const before: Record<string, Float32Array> = {
      [name]: now(`average/${name}`),
      [running]: now(`average/${running}`),
    };
    wholeStep(findMethod('natural'), 'train', made, step);
    made.program.average(step);
    // 2/11, 3/12, then no more than 3/10.
    const d = [2 / 11, 3 / 12, 0.3, 0.3][step - 1]!;
    for (const variable of [name, running]) {
      const weights = now(`student/${variable}`);
      const expected = Array.from(before[variable]!, (value, i) => d * value + (1 - d) * weights[i]!);
      assertClose(now(`average/${variable}`), expected, 1e-5, `${variable}, step ${step}`);
    }
  }
  const out = made.program.weights('student');
  assert.deepEqual(out[name]!.dataSync(), now(`average/${name}`));
  assert.notDeepEqual(out[name]!.dataSync(), now(`student/${name}`));
  // What is validated is the average too.
  tf.tidy(() => {
    made.program.fold();
    const given = {
      x: tf.tensor4d(batch.images, shape),
      labels: tf.tensor1d(batch.labels, 'int32'),
      noise: tf.zeros<tf.Rank.R4>(shape),
    };
    const logits = made.program.beginValidation(given);
    assertClose(logits, network.evaluate(network.fold(out), given.x).dataSync(), 1e-4, 'logits');
  });
  tf.dispose(out);
  made.program.dispose();
});

for (const eager of [true, false]) {
  test(`what is prepared of the student is of its present weights, ${eager ? 'eager' : 'as a graph'}`, () => {
    const probe = defineMethod({
      name: 'probe',
      title: 'Natural training that looks at what it prepared',
      source: 'this test',
      teachers: {},
      recipe: findMethod('trades').recipe,
      prepare: ({ student, x }) => ({ logits: student.evaluate(x) }),
      ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
      objective(_adversarial, { student, x, labels, prepared }) {
        const now = student.evaluate(x);
        const loss = meanCrossEntropy(student.train(x), labels);
        const size = tf.max<tf.Scalar>(tf.abs(now));
        return { student: loss, terms: { loss, size, gap: tf.max(tf.abs(tf.sub(now, prepared['logits']!))) } };
      },
    });
    const made = smallProgram(probe, { eager });
    for (const step of [0, 1, 2]) {
      const { gap, size } = wholeStep(probe, 'train', made, step);
      assert.ok(gap! < 1e-5 * size!, `step ${step}: ${gap!} of ${size!}`);
    }
    made.program.dispose();
  });
}

test('an objective that names no loss, or is not what its method says of its phases, is an error at once', () => {
  const natural = findMethod('natural');
  const broken = (changes: Partial<Method>): void => {
    const before = tf.memory().numTensors;
    assert.throws(
      () => smallProgram({ ...natural, ...changes }, { eager: false }),
      (error: Error) => error.name === 'UserError' && /"loss"|"retrains"/.test(error.message),
    );
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  };
  broken({
    objective(_adversarial, { student, x, labels }) {
      const value = meanCrossEntropy(student.train(x), labels);
      return { student: value, terms: { value } };
    },
  });
  broken({
    objective(_adversarial, { student, x, labels }) {
      const loss = meanCrossEntropy(student.train(x), labels);
      return { student: loss, robustTeacher: loss, terms: { loss } };
    },
  });
});

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
  const losses = [0, 1, 2].map((i) => wholeStep(pairing, 'paired', made, i)['loss']!);
  assert.ok(losses[2]! < losses[0]!, `the losses are ${losses.join(', ')}`);
  const snapshot = made.program.snapshot();
  assert.equal(snapshot['state/steps']!.dataSync()[0], 3);
  made.program.dispose();
  tf.dispose(snapshot);
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
});
