import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import { loadCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { loadPart } from '../../src/data/datasets.js';
import { holdOut, takeBalanced } from '../../src/data/splits.js';
import { ciard } from '../../src/methods/ciard.js';
import type { Method } from '../../src/methods/method.js';
import { pgdAt } from '../../src/methods/pgd-at.js';
import { resolveRecipe, type Recipe, type RecipeChanges } from '../../src/methods/recipe.js';
import { createNetwork } from '../../src/models/network.js';
import type { ProgressEvent } from '../../src/progress.js';
import { createRng } from '../../src/random.js';
import { train, type TrainOptions } from '../../src/training/train.js';

const folder = await mkdtemp(join(tmpdir(), 'ciard-train-'));
after(() => rm(folder, { recursive: true, force: true }));

const set = await loadPart('synthetic', 'train');
const held = holdOut(set, 40, 0);
const student = createNetwork('cifar-resnet-8', { width: 0.5 });

const tiny = (method: Method, epochs = 2, changes: RecipeChanges = {}): Recipe =>
  resolveRecipe(method, {
    epochs,
    batchSize: 32,
    optimiser: { learningRate: { kind: 'steps', rate: 0.05, at: [], factor: 1 } },
    attack: { steps: 2, mode: 'evaluation' },
    validation: { images: 40, steps: 2, every: 1 },
    ...changes,
  });

const options = (out: string, changes: Partial<TrainOptions> = {}): TrainOptions => ({
  method: pgdAt,
  recipe: tiny(pgdAt),
  student,
  set,
  // Not a multiple of the batch: the last batch of 8 is trained on at its own size.
  train: takeBalanced(held.train, set, 200, 0),
  validation: held.validation,
  seed: 5,
  out: join(folder, out),
  ...changes,
});

const files = async (out: string): Promise<string[]> =>
  Promise.all(
    ['last', 'best'].map(async (name) => (await readFile(join(folder, out, `${name}.safetensors`))).toString('base64')),
  );

test('the same seed gives the same bytes; checkpoints, metrics and history are there', async () => {
  const before = tf.memory().numTensors;
  const rows: number[] = [];
  const events: ProgressEvent[] = [];
  const run = await train(
    options('a', { onEpoch: ({ epoch }) => rows.push(epoch), progress: (event) => events.push(event) }),
  );
  await train(options('b'));
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
});

test('interrupted inside an epoch and gone on with, it ends with the bytes of an uninterrupted run', async () => {
  const robustTeacher = createNetwork('cifar-resnet-8', { width: 0.5 });
  const cleanTeacher = createNetwork('cifar-resnet-8');
  const teachers = {
    method: ciard,
    // A third of the steps of each half retrain the teacher.
    recipe: tiny(ciard, 2, { settings: { warmUp: 0, retrainEvery: 1 / 2, retrainFor: 1 / 6 } }),
    robustTeacher: { network: robustTeacher, weights: robustTeacher.initialise(createRng(1)) },
    cleanTeacher: { network: cleanTeacher, weights: cleanTeacher.initialise(createRng(2)) },
  };
  await train(options('whole', teachers));
  // Stopped after every third batch, until it is done.
  let stops = 0;
  for (;;) {
    const controller = new AbortController();
    let batches = 0;
    try {
      await train(
        options('parts', {
          ...teachers,
          signal: controller.signal,
          progress: () => {
            if (++batches === 3) controller.abort();
          },
        }),
      );
      break;
    } catch (error) {
      assert.ok(error instanceof InterruptedError, String(error));
      stops++;
    }
  }
  assert.ok(stops >= 4, `${stops} stops`);
  assert.deepEqual(await files('parts'), await files('whole'));
  const teacher = (out: string): Promise<Buffer> => readFile(join(folder, out, 'robust-teacher.safetensors'));
  assert.ok((await teacher('parts')).equals(await teacher('whole')), 'the robust teachers differ');
  tf.dispose([teachers.robustTeacher.weights, teachers.cleanTeacher.weights]);
});

test('killed by SIGKILL at any moment and started again, it ends with the bytes of an uninterrupted run', async () => {
  const command = (out: string): string[] => [
    fileURLToPath(new URL('../../bin/ciard.mjs', import.meta.url)),
    ...'train --method pgd-at --arch cifar-resnet-8 --width 0.5 --data synthetic --epochs 3 --batch 32'.split(' '),
    ...`--train-images 160 --validation-images 40 --attack-steps 2 --seed 9 --out ${join(folder, out)}`.split(' '),
  ];
  const run = (out: string): { done: Promise<number | null>; kill: () => void } => {
    const child = spawn(process.execPath, command(out), { stdio: 'ignore' });
    return {
      done: new Promise((resolve) => child.on('exit', resolve)),
      kill: () => child.kill('SIGKILL'),
    };
  };
  assert.equal(await run('uninterrupted').done, 0);
  // Killed once the first epoch's state is there, in the middle of the second.
  const first = run('killed');
  while (!existsSync(join(folder, 'killed', 'state.safetensors'))) await wait(20);
  await wait(150);
  first.kill();
  await first.done;
  assert.equal(await run('killed').done, 0);
  assert.deepEqual(await files('killed'), await files('uninterrupted'));
});

test('a folder that holds another run is refused, with what differs', async () => {
  await assert.rejects(
    train(options('a', { recipe: tiny(pgdAt, 3), seed: 7 })),
    (error: unknown) =>
      error instanceof UserError &&
      error.message.includes('epochs: 2, now 3') &&
      error.message.includes('seed: 5, now 7'),
  );
});

test('a loss that is no longer a number stops it, naming step, terms and the last good checkpoint', async () => {
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
});

test('what does not fit is said before anything is trained', async () => {
  await assert.rejects(train(options('d', { method: ciard, recipe: tiny(ciard) })), /ciard needs a clean teacher/);
  await assert.rejects(train(options('e', { student: createNetwork('cifar-resnet-8', { classes: 7 }) })), /7 classes/);
  await assert.rejects(
    train(options('f', { train: held.train.slice(0, 10), recipe: { ...tiny(pgdAt), dropLast: true } })),
    /10 training images do not fill one batch of 32/,
  );
});
