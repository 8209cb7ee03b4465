import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { takeBalanced } from '../../src/data/splits.js';
import { InterruptedError } from '../../src/errors.js';
import { ciard } from '../../src/methods/ciard.js';
import { train, type TrainOptions } from '../../src/training/train.js';
import { drawnTeachers, files, folder, held, options, set, tiny } from './runs.js';

/** Runs it, interrupted after every fifth report, until it is done. @returns how often it was interrupted */
const trainInParts = async (given: TrainOptions): Promise<number> => {
  for (let stops = 0; ; stops++) {
    const controller = new AbortController();
    let reports = 0;
    try {
      await train({
        ...given,
        signal: controller.signal,
        progress: () => {
          if (++reports === 5) controller.abort();
        },
      });
      return stops;
    } catch (error) {
      assert.ok(error instanceof InterruptedError, String(error));
    }
  }
};

test('interrupted inside an epoch and gone on with, it ends with the bytes of an uninterrupted run', async () => {
  const teachers = drawnTeachers();
  const given = {
    ...teachers,
    method: ciard,
    train: takeBalanced(held.train, set, 192, 0),
    // Of the six steps of each epoch the first two retrain the teacher; those of epoch 1 are natural. The average goes out.
    recipe: tiny(ciard, 2, {
      settings: { warmUp: 0, retrainEvery: 1 / 2, retrainFor: 1 / 6 },
      averaging: { decay: 0.9 },
      naturalPrefix: 1 / 6,
    }),
  };
  const whole = await train(options('whole', given));
  const before = process.cpuUsage();
  const stops = await trainInParts(options('parts', given));
  assert.ok(stops >= 2, `${stops} stops`);
  const { user, system } = process.cpuUsage(before);
  const { processorSeconds } = await train(options('parts', given));
  const spent = (user + system) / 1e6;
  assert.ok(
    processorSeconds > 0.6 * spent && processorSeconds < spent,
    `of ${spent} processor seconds over all starts ${processorSeconds} are told`,
  );
  assert.deepEqual(await files('parts'), await files('whole'));
  const teacher = (out: string): Promise<Buffer> => readFile(join(folder, out, 'robust-teacher.safetensors'));
  assert.ok((await teacher('parts')).equals(await teacher('whole')), 'the robust teachers differ');
  const [first, second] = whole.history;
  assert.deepEqual([first!.retrained, second!.retrained], [0, 2 / 6]);
  for (const { validation } of whole.history) assert.ok(validation!.teacherRobust! >= 0);
  assert.equal(whole.teacherFile, join(folder, 'whole', 'robust-teacher.safetensors'));
  const metrics = await readFile(join(folder, 'whole', 'dvclive', 'metrics.json'), 'utf8');
  assert.match(metrics, /"teacher_robust_accuracy"/);
  tf.dispose([teachers.robustTeacher.weights, teachers.cleanTeacher.weights]);
});
