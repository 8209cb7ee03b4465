import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { keepPrograms } from '../../src/engine/kept-programs.js';
import { loadCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { takeBalanced } from '../../src/data/splits.js';
import { UserError } from '../../src/errors.js';
import { ciard } from '../../src/methods/ciard.js';
import { natural } from '../../src/methods/natural.js';
import { pgdAt } from '../../src/methods/pgd-at.js';
import { rslad } from '../../src/methods/rslad.js';
import type { Method, StepContext } from '../../src/methods/method.js';
import { createNetwork } from '../../src/models/network.js';
import type { ProgressEvent } from '../../src/progress.js';
import { train, type TrainOptions } from '../../src/training/train.js';
import { drawnTeachers, files, folder, held, options, set, tiny } from './runs.js';

test('the same seed gives the same bytes; checkpoints, metrics and history are there', async () => {
  const before = tf.memory().numTensors;
  const rows: number[] = [];
  const events: ProgressEvent[] = [];
  const run = await train(
    options('a', { onEpoch: ({ epoch }) => rows.push(epoch), progress: (event) => events.push(event) }),
  );
  // Saving within epochs changes nothing.
  await train(options('b', { saveSeconds: 0 }));
  assert.deepEqual(await files('a'), await files('b'));
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  assert.deepEqual(rows, [1, 2]);
  assert.equal(run.history.length, 2);
  // The last report is of the last epoch, its validation included, and the only one that is done.
  assert.deepEqual(
    events.flatMap(({ done, total }, at) => (done === total ? [at] : [])),
    [events.length - 1],
  );
  const clean = (100 * run.history[1]!.validation!.clean).toFixed(1);
  assert.match(events.at(-1)!.detail!, new RegExp(`^epoch 2/2 .* held out: clean ${clean} %`));
  const { info } = await loadCheckpoint(run.bestFile);
  assert.deepEqual(
    [info.architecture, info.width, info.method, info.dataset, info.seed, info.epoch],
    ['cifar-resnet-8', 0.5, 'pgd-at', 'synthetic', 5, run.best.epoch],
  );
  assert.deepEqual(info['data'], run.identity.data, 'a checkpoint names its data by content');
  const metrics = JSON.parse(await readFile(join(folder, 'a', 'dvclive', 'metrics.json'), 'utf8')) as {
    step: number;
    validation: Record<string, number>;
  };
  assert.equal(metrics.step, 2);
  assert.equal(metrics.validation['robust_accuracy'], run.history[1]!.validation!.robust);
  const plot = await readFile(join(folder, 'a', 'dvclive', 'plots', 'metrics', 'train', 'loss.tsv'), 'utf8');
  assert.match(plot, /^step\tloss\n1\t[\d.]+\n2\t[\d.]+\n$/);
  const other = await train(options('c', { seed: 6 }));
  assert.notDeepEqual(other.history, run.history);
  assert.ok(!(await readdir(join(folder, 'a'))).includes('.running.json'), 'the lock is left behind');
});

test('methods of one replicate see the same batches', async () => {
  // What each step is given is found out by the terms that it returns.
  const watched = (method: Method): Method => ({
    ...method,
    objective(adversarial: tf.Tensor4D, context: StepContext, phase: string) {
      const made = method.objective(adversarial, context, phase);
      return { ...made, terms: { ...made.terms, images: tf.sum<tf.Scalar>(tf.mul(context.x, context.x)) } };
    },
  });
  const imagesOf = async (out: string, method: Method, seed: number): Promise<number> => {
    const { history } = await train(options(out, { method: watched(method), recipe: tiny(method, 1), seed }));
    return history[0]!.terms['images']!;
  };
  const seen = await imagesOf('replicate-natural', natural, 11);
  assert.equal(await imagesOf('replicate-pgd-at', pgdAt, 11), seen);
  assert.notEqual(await imagesOf('replicate-other', natural, 12), seen);
});

test('the first weights of a replicate depend on the network alone', async () => {
  // A rate of next to nothing leaves the weights where they begin.
  const still = {
    optimiser: { learningRate: { kind: 'steps', rate: 1e-30, at: [], factor: 1 }, weightDecay: 0 },
  } as const;
  const weightsOf = async (out: string, changes: Partial<TrainOptions>): Promise<Uint8Array> => {
    const { lastFile } = await train(options(out, changes));
    return (await loadCheckpoint(lastFile)).tensors.get('conv1.weight')!.data as Uint8Array;
  };
  const [first, second, other] = [
    await weightsOf('first-natural', { method: natural, recipe: tiny(natural, 1, still) }),
    await weightsOf('first-pgd-at', { recipe: tiny(pgdAt, 1, still) }),
    await weightsOf('first-other', { recipe: tiny(pgdAt, 1, still), seed: 6 }),
  ];
  assert.deepEqual(first, second);
  assert.notDeepEqual(first, other);
});

test('a natural prefix trains by cross-entropy on clean images, and is not selected', async () => {
  const teachers = drawnTeachers();
  const { cleanTeacher, robustTeacher } = teachers;
  const recipe = tiny(rslad, 3, { naturalPrefix: 2 / 3, labelSmoothing: 0.1 });
  const run = await train(options('prefix', { method: rslad, recipe, robustTeacher }));
  assert.deepEqual(
    run.history.map(({ terms }) => Object.keys(terms)),
    [['loss'], ['loss'], ['loss', 'adversarial', 'natural']],
  );
  assert.equal(run.best.epoch, 3);
  // A frozen teacher is measured too; a method that retrains none says nothing of it.
  assert.ok(
    run.history.every(({ validation, retrained }) => validation!.teacherRobust! >= 0 && retrained === undefined),
  );
  tf.dispose([cleanTeacher.weights, robustTeacher.weights]);
});

test('metrics that a kill has lost are written by the next call, also of a run that is complete', async () => {
  const given = options('metrics', { recipe: tiny(pgdAt, 1) });
  const metrics = join(folder, 'metrics', 'dvclive');
  await train(given);
  const whole = await readFile(join(metrics, 'metrics.json'), 'utf8');
  await rm(metrics, { recursive: true });
  await train(given);
  assert.equal(await readFile(join(metrics, 'metrics.json'), 'utf8'), whole);
});

test('a folder that holds another run is refused, with what differs', async () => {
  const before = tf.memory().numTensors;
  await assert.rejects(
    train(options('a', { recipe: tiny(pgdAt, 3), seed: 7, validation: held.validation.slice(1) })),
    (error: unknown) =>
      error instanceof UserError &&
      error.message.includes('epochs: 2, now 3') &&
      error.message.includes('seed: 5, now 7') &&
      error.message.includes('data.validationImages: 40, now 39'),
  );
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
});

test('two runs never work in one folder', async () => {
  const [first, second] = await Promise.allSettled([
    train(options('both', { recipe: tiny(pgdAt, 1) })),
    train(options('both', { recipe: tiny(pgdAt, 1) })),
  ]);
  const refused = [first, second].filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 1);
  assert.match(String((refused[0] as PromiseRejectedResult).reason), /both is in use by process \d+ on /);
});

test('a loss that is no longer a number stops it, naming step, terms and the last good checkpoint', async () => {
  const before = tf.memory().numTensors;
  const recipe = tiny(pgdAt, 3, {
    // A sound first epoch, then a rate that no network survives.
    optimiser: { learningRate: { kind: 'steps', rate: 0.01, at: [1 / 3], factor: 1e30 } },
  });
  await assert.rejects(
    train(options('nan', { recipe })),
    (error: unknown) =>
      error instanceof UserError &&
      /epoch 2, batch \d of 7/.test(error.message) &&
      /loss (NaN|-?Infinity)/.test(error.message) &&
      error.message.includes(join(folder, 'nan', 'last.safetensors')),
  );
  assert.equal((await loadCheckpoint(join(folder, 'nan', 'last.safetensors'))).info.epoch, 1);
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
});

test('answers that are no longer numbers are noticed by the validation, where no step comes to tell', async () => {
  const before = tf.memory().numTensors;
  const recipe = tiny(natural, 1, {
    optimiser: { learningRate: { kind: 'steps', rate: 1e38, at: [], factor: 1 } },
  });
  await assert.rejects(
    train(options('nan-validation', { method: natural, recipe: { ...recipe, batchSize: 200 } })),
    /stopped at the validation of epoch 1: answers are no longer numbers \(clean/,
  );
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
});

test('what does not fit is said before anything is trained, and leaves no folder', async () => {
  const before = tf.memory().numTensors;
  await assert.rejects(train(options('d', { method: ciard, recipe: tiny(ciard) })), /ciard needs a clean teacher/);
  await assert.rejects(train(options('e', { student: createNetwork('cifar-resnet-8', { classes: 7 }) })), /7 classes/);
  await assert.rejects(
    train(options('f', { train: held.train.slice(0, 10), recipe: { ...tiny(pgdAt), dropLast: true } })),
    /10 training images do not fill one batch of 32/,
  );
  const teachers = drawnTeachers();
  await assert.rejects(train(options('g', teachers)), /pgd-at has no clean teacher, but one is given/);
  tf.dispose([teachers.cleanTeacher.weights, teachers.robustTeacher.weights]);
  const unnamed: Method = {
    ...natural,
    objective(adversarial, context, phase) {
      const { student: value } = natural.objective(adversarial, context, phase);
      return { student: value, terms: { value } };
    },
  };
  // Found by recording: the folder that was made by then goes again, with those around it.
  await assert.rejects(
    train(options('h/i/j', { method: unnamed, recipe: tiny(natural) })),
    /the loss itself is wanted/,
  );
  for (const out of ['d', 'e', 'f', 'g', 'h']) assert.ok(!existsSync(join(folder, out)), out);
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
});

test('a place that can not be a folder is one clear error; what was there stays', async () => {
  await writeFile(join(folder, 'file'), 'mine');
  for (const out of ['file', 'file/deeper']) {
    await assert.rejects(train(options(out)), (error: unknown) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, /a file lies where a folder should/);
      return true;
    });
  }
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'mine');
  await mkdir(join(folder, 'empty'));
  await assert.rejects(train(options('empty', { method: ciard, recipe: tiny(ciard) })), /clean teacher/);
  assert.ok(existsSync(join(folder, 'empty')), 'an empty folder of the user stays');
});

test('a program that is kept for the next training of its kind changes nothing', async () => {
  const teachers = drawnTeachers();
  const few = takeBalanced(held.train, set, 64, 0);
  const trainAll = async (folder: string): Promise<string[]> => {
    const written: string[] = [];
    for (const seed of [21, 22]) {
      const out = `${folder}-${String(seed)}`;
      await train(options(out, { method: ciard, recipe: tiny(ciard, 1), seed, train: few, ...teachers }));
      written.push(...(await files(out)));
    }
    return written;
  };
  const alone = await trainAll('alone');
  keepPrograms(1);
  try {
    assert.deepEqual(await trainAll('kept'), alone);
    assert.equal(new Set(alone).size, alone.length / 2, 'best and last are one after one epoch, and nothing else');
  } finally {
    keepPrograms(0);
    tf.dispose([teachers.cleanTeacher.weights, teachers.robustTeacher.weights]);
  }
});
