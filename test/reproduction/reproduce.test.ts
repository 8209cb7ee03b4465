import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import '../../src/engine/backend.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import type { Recipe } from '../../src/methods/recipe.js';
import { findPlan } from '../../src/reproduction/catalogue.js';
import type { Plan } from '../../src/reproduction/plan.js';
import { reproduce } from '../../src/reproduction/reproduce.js';
import { readRecord } from '../../src/results/record.js';
import { temporaryFolder } from '../temporary.js';

const changes = (published: Recipe) => ({
  epochs: 1,
  batchSize: 64,
  dropLast: true,
  attack: { ...published.attack, steps: 1 },
  validation: { images: 50, steps: 1, every: 1 },
});
const network = { architecture: 'cifar-resnet-8', width: 0.5, changes };

/** A table like any other, in seconds. */
const plan: Plan = {
  name: 'tiny',
  title: 'A tiny table',
  claim: 'Nothing.',
  dataset: 'synthetic',
  trainImages: 128,
  attacks: ['clean', 'pgd-sat'],
  jobs: [
    { id: 'clean', role: 'clean teacher', method: 'natural', ...network },
    { id: 'robust', role: 'robust teacher', method: 'pgd-at', ...network },
    { id: 'ciard', role: 'student', method: 'ciard', ...network, cleanTeacher: 'clean', robustTeacher: 'robust' },
  ],
};

const folder = temporaryFolder();
const foldersOf = (name: string) => ({ runs: join(folder, name, 'runs'), results: join(folder, name, 'results') });
const contents = (path: string): Record<string, string> =>
  Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'latin1')]));

test('a table is trained, evaluated and written, a file a result; the same seed gives the same bytes', async () => {
  const seen: string[] = [];
  const [first, second] = [foldersOf('first'), foldersOf('second')];
  const records = await reproduce(plan, { ...first, onResult: ({ id }) => seen.push(id) });
  assert.deepEqual(seen, ['clean', 'robust', 'ciard']);
  const written = contents(first.results);
  assert.deepEqual(Object.keys(written), [
    'ciard.json',
    'clean-robust.json',
    'clean-robust.svg',
    'clean.json',
    'robust.json',
    'table.csv',
    'table.md',
  ]);
  for (const record of records) {
    assert.deepEqual(await readRecord(join(first.results, `${record.id}.json`)), JSON.parse(JSON.stringify(record)));
    assert.equal(record.attacks['pgd-sat']!.total, 1000);
    assert.equal(record.training.trainImages, 128);
  }
  await reproduce(plan, second);
  assert.deepEqual(contents(second.results), written);
});

test('what is there is not done again, and a part leaves the rest of the table', async () => {
  const { runs, results } = foldersOf('first');
  const before = contents(results);
  // Metrics are written again from the state; networks and the state are not.
  const times = () =>
    readdirSync(join(runs, 'ciard'))
      .filter((name) => name.endsWith('.safetensors'))
      .map((name) => statSync(join(runs, 'ciard', name)).mtimeMs);
  const trained = times();
  const records = await reproduce(plan, { runs, results, only: ['robust'] });
  assert.deepEqual(
    records.map(({ id }) => id),
    ['robust'],
  );
  assert.deepEqual(contents(results), before);
  // A student brings its teachers with it.
  const withTeachers = await reproduce(plan, { runs, results, only: ['ciard'] });
  assert.equal(withTeachers.length, 3);
  assert.deepEqual(times(), trained);
  assert.deepEqual(contents(results), before);
});

test('a result of another checkpoint is measured anew', async () => {
  const { runs, results } = foldersOf('first');
  const file = join(results, 'robust.json');
  const record = await readRecord(file);
  writeFileSync(
    file,
    JSON.stringify({ ...record, checkpoint: '0'.repeat(64), attacks: { clean: record.attacks['clean'] } }),
  );
  const [again] = await reproduce(plan, { runs, results, only: ['robust'] });
  assert.deepEqual(again!.attacks, record.attacks);
  assert.equal(again!.checkpoint, record.checkpoint);
});

test('interrupted, it goes on where it was', async () => {
  const places = foldersOf('third');
  const controller = new AbortController();
  await assert.rejects(
    reproduce(plan, {
      ...places,
      signal: controller.signal,
      onResult: () => {
        controller.abort();
      },
    }),
    InterruptedError,
  );
  assert.ok('clean.json' in contents(places.results));
  await reproduce(plan, places);
  assert.deepEqual(contents(places.results), contents(foldersOf('second').results));
});

test('tables are known by name; each plan names its teachers before their students', () => {
  assert.throws(() => findPlan('imagenet', 'small'), UserError);
  for (const scale of ['small', 'paper'] as const) {
    for (const name of ['quick', 'cifar10']) {
      const { jobs, attacks } = findPlan(name, scale);
      assert.ok(attacks.includes('clean') && attacks.includes('pgd-sat'));
      for (const [i, { cleanTeacher, robustTeacher }] of jobs.entries()) {
        const before = jobs.slice(0, i).map(({ id }) => id);
        for (const teacher of [cleanTeacher, robustTeacher]) if (teacher) assert.ok(before.includes(teacher));
      }
    }
  }
});
