import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { execute, plannedFile } from '../../src/experiments/execute.js';
import { cellsOf } from '../../src/experiments/grid.js';
import type { Places } from '../../src/experiments/places.js';
import { measuredRows, resultRows } from '../../src/experiments/results.js';
import { unitsOf } from '../../src/experiments/units.js';
import { temporaryFolder } from '../temporary.js';
import { recordsIn, tinyGrid, tinySetting } from './tiny.js';

test('a grid in processes of its own: whole, done once, and after kill -9 the same records', async (t) => {
  const setting = await tinySetting();
  const folder = temporaryFolder(t);
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  const units = unitsOf(tinyGrid, setting);
  const said: string[] = [];
  assert.deepEqual(await execute(units, { places, jobs: 2, say: (line) => said.push(line) }), []);
  const cells = cellsOf(tinyGrid, setting);
  const records = await recordsIn(places);
  assert.deepEqual(Object.keys(records), cells.map(({ id }) => `${id}.json`).sort());
  assert.match(said.at(-1)!, /4\/4 done/);

  // What is done is not done again.
  said.length = 0;
  assert.deepEqual(await execute(units, { places, jobs: 2, say: (line) => said.push(line) }), []);
  assert.deepEqual(said, []);

  const rows = resultRows(tinyGrid, setting, await measuredRows(tinyGrid, setting, places));
  assert.deepEqual(
    rows.map(({ method, n }) => [method, n]),
    [
      ['pgd-at', 1],
      ['ciard', 1],
    ],
  );
  for (const { values } of rows) assert.ok(values['clean']!.mean >= values['fgsm']!.mean);

  // The same by commands that are killed, again and again, at any moment.
  const other = { results: join(folder, 'other'), runs: join(folder, 'other-runs') };
  const ordered = cells.map(({ id }) => id);
  await writePlan(other, cells);
  let alive = 0;
  for (let attempt = 0; ; attempt++) {
    assert.ok(attempt < 30, 'it never ends');
    const child = spawn(
      process.execPath,
      ['bin/ciard.mjs', 'cell', 'run', ...ordered, '--results', other.results, '--runs', other.runs],
      // By hand no number of threads is given: it is that of tables.
      { stdio: 'ignore', env: { ...process.env, TF_NUM_INTRAOP_THREADS: undefined } },
    );
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const killer = sleep(attempt < 3 ? 4000 + 2500 * attempt : 600_000, undefined, { ref: false }).then(() => {
      if (child.kill('SIGKILL')) alive++;
    });
    const code = await Promise.race([ended, killer.then(() => ended)]);
    if (code === 0) break;
    assert.equal(code, null);
  }
  assert.ok(alive >= 1, 'nothing was alive to be killed');
  assert.deepEqual(await recordsIn(other), records);
});

const writePlan = async (places: Places, cells: ReturnType<typeof cellsOf>): Promise<void> => {
  const { mkdir, writeFile } = await import('node:fs/promises');
  for (const planned of cells) {
    const file = plannedFile(places, planned.id);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, JSON.stringify({ ...planned, grid: tinyGrid.name }));
  }
};

test('a training that fails stops those alone that need it, and says why', async (t) => {
  const setting = await tinySetting();
  const folder = temporaryFolder(t);
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  const units = unitsOf(tinyGrid, setting).map((unit) =>
    unit.name.endsWith('/robust-teacher')
      ? {
          ...unit,
          cells: unit.cells.map((planned) => {
            if (planned.cell.kind !== 'train') return planned;
            // Other images than are there.
            return { ...planned, cell: { ...planned.cell, data: { ...planned.cell.data, md5: '0'.repeat(32) } } };
          }),
        }
      : unit,
  );
  const failures = await execute(units, { places, jobs: 2 });
  assert.deepEqual(failures.map(({ name }) => name.split('/')[1]).sort(), ['ciard-resnet18-s0', 'robust-teacher']);
  assert.match(failures[0]!.reason, /cell .*log\.txt\)$/s);
  assert.match(failures[1]!.reason, /teacher/);
  const done = Object.values(await recordsIn(places)).map((record) => (record as { name: string }).name.split('/')[1]);
  assert.ok(done.includes('pgd-at-resnet18-s0'));
  assert.match(
    await readFile(join(places.runs, units.find(({ name }) => name.endsWith('robust-teacher'))!.id, 'log.txt'), 'utf8'),
    /cell/,
  );
});

/** The processes that this one has started and that run cells. */
const workersOf = async (): Promise<number[]> => {
  const children = (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')).trim().split(' ');
  const found: number[] = [];
  for (const pid of children.filter((each) => each !== '')) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.split('\0').includes('work')) found.push(Number(pid));
  }
  return found;
};

test('a worker that is killed takes its unit alone; the same command does the rest', async (t) => {
  const setting = await tinySetting();
  const folder = temporaryFolder(t);
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  const units = unitsOf(tinyGrid, setting);
  const killing = (async () => {
    for (;;) {
      await sleep(100);
      const [pid] = await workersOf();
      if (pid === undefined) continue;
      process.kill(pid, 'SIGKILL');
      return;
    }
  })();
  const failures = await execute(units, { places, jobs: 1 });
  await killing;
  assert.match(failures[0]!.reason, /^ended by SIGKILL/);
  const lost = failures.map(({ name }) => name);
  const done = Object.values(await recordsIn(places)).map((record) => (record as { name: string }).name);
  assert.ok(done.length > 0 && done.every((name) => !lost.includes(name)));
  assert.deepEqual(await execute(units, { places, jobs: 1 }), []);
  assert.equal(Object.keys(await recordsIn(places)).length, cellsOf(tinyGrid, setting).length);
  assert.deepEqual(await workersOf(), []);
});
