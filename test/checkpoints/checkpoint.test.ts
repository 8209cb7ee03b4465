import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { UserError } from '../../src/errors.js';
import { writerMark } from '../../src/writer.js';
import { decodeCheckpoint } from '../../src/checkpoints/checkpoint-format.js';
import { metadataOfInfo } from '../../src/checkpoints/checkpoint-format.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/checkpoints/checkpoint.js';
import type { CheckpointInfo } from '../../src/checkpoints/checkpoint.js';
import { readWhole, writeSafetensors } from '../../src/checkpoints/safetensors.js';
import { float32Tensor } from '../../src/checkpoints/state-dict.js';

const folderOf = async (context: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'ciard-'));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
};

const tensors = new Map([['linear.weight', float32Tensor([2, 1], Float32Array.of(0.5, -1))]]);

test('a checkpoint keeps its weights and everything that was said of them', async (context) => {
  const path = join(await folderOf(context), 'last.safetensors');
  const info: CheckpointInfo = {
    architecture: 'resnet18',
    width: 0.25,
    classes: 10,
    imageSize: 32,
    dataset: 'cifar10',
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.2471, 0.2435, 0.2616],
    method: 'ciard',
    recipe: { epochs: 300, attack: { epsilon: 8 / 255 } },
    seed: 1,
    epoch: 12,
    best: { epoch: 11, robustAccuracy: 0.5 },
  };
  await saveCheckpoint(path, info, tensors);
  assert.deepEqual(await loadCheckpoint(path), { info, tensors });
  assert.deepEqual(decodeCheckpoint(await readWhole(path)), { info, tensors }, 'a browser reads the same');
});

test('a record that is incomplete or wrong is neither written nor read', async (context) => {
  const folder = await folderOf(context);
  const path = join(folder, 'a.safetensors');
  await assert.rejects(saveCheckpoint(path, { architecture: '', classes: 10 }, tensors), UserError);
  await assert.rejects(
    saveCheckpoint(path, { architecture: 'resnet18', classes: 10, mean: [0, 0, 0], std: [0, 1, 1] }, tensors),
    /std/,
  );
  assert.deepEqual(await readdir(folder), []);
  const cases: [Record<string, string>, RegExp][] = [
    [{}, /holds weights and no word of what network they are\. Import it: npx ciard import-torch/],
    [{ ciard: '{' }, /is not JSON/],
    [{ ciard: '{"architecture":"resnet18"}' }, /can't be used: .*classes/],
    [{ ciard: '{"architecture":"resnet18","classes":10,"std":[1,1,1]}' }, /both are wanted, or none/],
  ];
  for (const [metadata, message] of cases) {
    await writeSafetensors(path, tensors, metadata);
    await assert.rejects(loadCheckpoint(path), (error) => error instanceof UserError && message.test(error.message));
  }
});

test('a writer that is killed leaves the old checkpoint or the new one, whole, and the next one tidies up', async (context) => {
  const folder = await folderOf(context);
  const path = join(folder, 'last.safetensors');
  // Writes 4 MB again and again, all elements the epoch's number.
  const writer = `
    const { saveCheckpoint } = await import(${JSON.stringify(new URL('../../src/checkpoints/checkpoint.ts', import.meta.url).href)});
    for (let epoch = 0; ; epoch++) {
      const data = new Float32Array(2 ** 20).fill(epoch);
      await saveCheckpoint(process.argv[1], { architecture: 'a', classes: 1, epoch }, new Map([['w', { dtype: 'float32', shape: [data.length], data }]]));
      if (epoch === 0) console.log('first');
    }`;
  for (const delay of [5, 30, 70]) {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', writer, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await setTimeout(delay);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { info, tensors: read } = await loadCheckpoint(path);
    assert.ok((read.get('w')!.data as Float32Array).every((value) => value === info.epoch));
  }
  // What a writer left that is at work: this process. What the killed ones left is gone.
  const own = `.last.safetensors.${writerMark()}.tmp`;
  await writeFile(join(folder, own), 'part');
  await saveCheckpoint(path, { architecture: 'a', classes: 1 }, tensors);
  assert.deepEqual((await readdir(folder)).sort(), [own, 'last.safetensors']);
});

test('the bytes of a checkpoint do not depend on the order in which its fields are given: records know them by hash', () => {
  const info = { student: {}, recipe: {}, epoch: 5, seed: 0, method: 'natural', classes: 10, architecture: 'resnet18' };
  const order = ['architecture', 'classes', 'method', 'seed', 'epoch', 'recipe', 'student'];
  assert.deepEqual(Object.keys(JSON.parse(metadataOfInfo(info)['ciard']!) as object), order);
});
