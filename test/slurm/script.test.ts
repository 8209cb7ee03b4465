import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { UserError } from '../../src/errors.js';
import type { ArrayJob } from '../../src/slurm/plan.js';
import { parseLimits, parseQueue } from '../../src/slurm/queue.js';
import { jobScript, ranges, tasksText } from '../../src/slurm/script.js';
import { temporaryFolder } from '../temporary.js';

const job: ArrayJob = {
  kind: 'evaluate',
  tasks: [
    { index: 0, name: 'a', cells: ['aa', 'ab'] },
    { index: 2, name: 'c', cells: ['cc'] },
  ],
  after: [],
  follows: null,
};

test('indices as ranges', () => {
  assert.equal(ranges([0]), '0');
  assert.equal(ranges([3, 0, 1, 2, 7, 9, 8]), '0-3,7-9');
});

test('the script, run by a shell, becomes the command with the cells of its index, whatever paths hold', async (t) => {
  const folder = join(temporaryFolder(t), "it's here");
  mkdirSync(folder, { recursive: true });
  const node = join(folder, 'node');
  writeFileSync(node, '#!/bin/bash\nprintf "%s\\n" "$PWD" "$TF_NUM_INTRAOP_THREADS" "$@"\n');
  chmodSync(node, 0o755);
  writeFileSync(join(folder, '03-evaluate.tasks'), tasksText(job));
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  const request = { partition: 'gpu', time: '1-12', gpus: 1, cpus: 4, sbatch: '--constraint="a100&nvme"' };
  const text = jobScript(job, { root: folder, folder, name: '03-evaluate', node, places, request });
  for (const option of [
    '--array=0,2',
    '--partition=gpu',
    '--time=1-12',
    '--gpus-per-task=1',
    '--cpus-per-task=4',
    '--requeue',
  ]) {
    assert.ok(text.includes(`\n#SBATCH ${option}\n`), option);
  }
  assert.ok(text.includes('\n#SBATCH --constraint="a100&nvme"\n'));
  assert.doesNotMatch(text, /account/);
  const run = async (index: number) =>
    (await execa('bash', ['-c', text], { env: { SLURM_ARRAY_TASK_ID: String(index) } })).stdout.split('\n');
  const common = ['--requeue', '--results', places.results, '--runs', places.runs];
  assert.deepEqual(await run(0), [folder, '4', 'bin/ciard.mjs', 'cell', 'run', 'aa', 'ab', ...common]);
  assert.deepEqual(await run(2), [folder, '4', 'bin/ciard.mjs', 'cell', 'run', 'cc', ...common]);
});

test('what can stand in no script is refused', () => {
  const paths = { root: '/', folder: '/', name: 'x', node: 'node', places: { results: '/', runs: '/' } };
  for (const request of [{ partition: 'a\nrm' }, { sbatch: ' ' }, { time: '' }]) {
    assert.throws(() => jobScript(job, { ...paths, request }), UserError);
  }
});

test('what squeue and scontrol say', () => {
  assert.deepEqual(
    [...parseQueue('12_0|RUNNING|n1|None\n12_3|PENDING||Dependency\n\n')],
    [
      ['12_0', { state: 'RUNNING', node: 'n1', reason: 'None' }],
      ['12_3', { state: 'PENDING', node: '', reason: 'Dependency' }],
    ],
  );
  assert.deepEqual(parseLimits('MaxArraySize            = 501\nMaxJobCount             = 2000\n'), {
    array: 501,
    jobs: 2000,
  });
  assert.deepEqual(parseLimits(''), { array: 1001, jobs: 10_000 });
});
