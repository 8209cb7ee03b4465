import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { UserError } from '../../src/errors.js';
import { execute } from '../../src/experiments/execute.js';
import type { GridSetting } from '../../src/experiments/grid.js';
import { runFolder, type Places } from '../../src/experiments/places.js';
import { unitsOf, type Unit } from '../../src/experiments/units.js';
import { readQueue } from '../../src/slurm/queue.js';
import { readStatus } from '../../src/slurm/status.js';
import { describeSubmission, submit } from '../../src/slurm/submit.js';
import { stateFile } from '../../src/training/run-folder.js';
import { recordsIn, tinyGrid, tinySetting } from '../experiments/tiny.js';
import { temporaryFolder } from '../temporary.js';
import { needsSlurm, startCluster, type Cluster } from './cluster.js';

const queueIsEmpty = async (seconds: number): Promise<void> => {
  const end = performance.now() + 1000 * seconds;
  for (;;) {
    const queue = await readQueue();
    if (queue.size === 0) return;
    assert.ok(performance.now() < end, `still queued: ${JSON.stringify([...queue])}`);
    await sleep(500);
  }
};

/** Waits until a training has a state to go on from. */
const untilTrained = async (places: Places, { id, name }: Unit): Promise<void> => {
  const end = performance.now() + 120_000;
  while (!existsSync(stateFile(runFolder(places, id)))) {
    assert.ok(performance.now() < end, `${name} was never met in training`);
    await sleep(100);
  }
};

const shortNames = (units: readonly { readonly name: string }[]): string[] =>
  units.map(({ name }) => name.split('/')[1]!).sort();

describe('on a SLURM of two nodes', { skip: needsSlurm }, () => {
  const folder = temporaryFolder();
  const placesIn = (name: string): Places => ({
    results: join(folder, name, 'results'),
    runs: join(folder, name, 'runs'),
  });
  let cluster: Cluster;
  let setting: GridSetting;
  let units: readonly Unit[];
  const settingBefore = process.env['SLURM_CONF'];

  before(async () => {
    const tiny = await tinySetting();
    const { scale } = tiny;
    // Long enough to be met in the middle of it.
    setting = { ...tiny, scale: { ...scale, changes: (method) => ({ ...scale.changes(method), epochs: 20 }) } };
    units = unitsOf(tinyGrid, setting);
    cluster = await startCluster();
  });
  after(async () => {
    await cluster.stop();
    if (settingBefore === undefined) delete process.env['SLURM_CONF'];
    else process.env['SLURM_CONF'] = settingBefore;
  });

  test('a failed teacher cancels its students and nothing else; once more, only what is missing is handed in', async () => {
    const places = placesIn('failing');
    const robust = units.find(({ name }) => name.endsWith('/robust-teacher'))!;
    const obstacle = stateFile(runFolder(places, robust.id));
    await mkdir(runFolder(places, robust.id), { recursive: true });
    await writeFile(obstacle, 'no state of a training');

    const dry = await describeSubmission(units, places, { time: '1:00:00' });
    assert.match(dry, /#SBATCH --time=1:00:00/);
    assert.ok(!existsSync(join(places.runs, '..', 'slurm')), 'a dry run writes nothing');

    const { submission } = await submit(units, places, {});
    assert.deepEqual(
      submission.jobs.map(({ kind, tasks }) => [kind, tasks.length]),
      [
        ['train', 3],
        ['evaluate', 1],
        ['train', 1],
        ['evaluate', 1],
      ],
    );
    // A second one while the first is under way starts nothing twice.
    const again = await submit(units, places, {});
    assert.equal(again.submission.jobs.length, 0);
    assert.equal(
      again.underWay,
      units.reduce((sum, { cells }) => sum + cells.length, 0),
    );
    await queueIsEmpty(180);

    const { units: states } = await readStatus(units, places);
    assert.deepEqual(shortNames(states.filter(({ state }) => state === 'done')), [
      'clean-teacher',
      'pgd-at-resnet18-s0',
    ]);
    const failed = states.find(({ name }) => name.endsWith('/robust-teacher'))!;
    assert.equal(failed.state, 'stopped');
    assert.match(failed.detail, /state\.safetensors/);
    const student = states.find(({ name }) => name.includes('/ciard-'))!;
    assert.equal(student.state, 'stopped');
    assert.match(student.detail, /what it needed failed/);

    await rm(obstacle);
    const second = await submit(units, places, {});
    assert.deepEqual(
      second.submission.jobs.map(({ kind, tasks }) => [kind, shortNames(tasks)]),
      [
        ['train', ['robust-teacher']],
        ['train', ['ciard-resnet18-s0']],
        ['evaluate', ['ciard-resnet18-s0']],
      ],
    );
    await queueIsEmpty(180);
    const whole = await readStatus(units, places);
    assert.ok(whole.queue);
    assert.ok(whole.units.every(({ state }) => state === 'done'));
  });

  test('a node that dies in the middle of a training: the grid ends whole, as it does on one machine', async () => {
    const places = placesIn('dying');
    const { submission } = await submit(units, places, {});
    const ciard = units.find(({ name }) => name.includes('/ciard-'))!;
    const job = submission.jobs.find(({ tasks }) => tasks.some(({ cells }) => cells.includes(ciard.id)))!;
    let node: string | undefined;
    const end = performance.now() + 180_000;
    while (node === undefined) {
      assert.ok(performance.now() < end, 'the student was never met in training');
      if (existsSync(stateFile(runFolder(places, ciard.id)))) node = (await readQueue()).get(`${job.job}_0`)?.node;
      await sleep(100);
    }
    assert.match(node, /^n[12]$/);
    cluster.kill(node as 'n1' | 'n2');
    await queueIsEmpty(240);
    const log = await readFile(
      join(places.runs, '..', 'slurm', (await readdir(join(places.runs, '..', 'slurm')))[0]!, `${job.name}-0.log`),
      'utf8',
    );
    assert.match(log, /done/);

    const local = placesIn('local');
    assert.deepEqual(await execute(units, { places: local, jobs: 2 }), []);
    const expected = await recordsIn(local);
    assert.deepEqual(Object.keys(await recordsIn(places)), Object.keys(expected));
    assert.deepEqual(await recordsIn(places), expected);
    assert.deepEqual(await recordsIn(placesIn('failing')), expected);
  });

  test('a task that is warned of its limit saves its state, is queued again, and goes on', async () => {
    const places = placesIn('warned');
    const own = units.filter(({ name }) => name.includes('/pgd-at-'));
    const { submission, folder: written } = await submit(own, places, {});
    const [{ job, name }] = submission.jobs as [(typeof submission.jobs)[number]];
    await untilTrained(places, own[0]!);
    await execa('scancel', ['--batch', '--signal=TERM', `${job}_0`]);
    await queueIsEmpty(180);
    const log = await readFile(join(written!, `${name}-0.log`), 'utf8');
    assert.match(log, /interrupted/);
    const expected = await recordsIn(placesIn('failing'));
    const records = await recordsIn(places);
    assert.equal(Object.keys(records).length, own[0]!.cells.length);
    for (const [file, record] of Object.entries(records)) assert.deepEqual(record, expected[file]);
  });

  test('a task that is cancelled saves its state, and is not queued again', async () => {
    const places = placesIn('cancelled');
    const own = units.filter(({ name }) => name.includes('/pgd-at-'));
    const { submission } = await submit(own, places, {});
    await untilTrained(places, own[0]!);
    for (const { job } of submission.jobs) await execa('scancel', [job]);
    await queueIsEmpty(60);
    // Longer than a task that is queued again waits.
    await sleep(8000);
    await queueIsEmpty(1);
    const [state] = (await readStatus(own, places)).units;
    assert.deepEqual([state!.state, state!.done], ['stopped', 0]);
  });

  test('what SLURM refuses is told in its words', async () => {
    const places = placesIn('refused');
    await assert.rejects(submit(units, places, { partition: 'nosuch' }), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /sbatch refused: .*partition/i);
      return true;
    });
    const { stdout } = await execa('squeue', ['--noheader']);
    assert.equal(stdout, '');
  });
});
