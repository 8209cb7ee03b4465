import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { methods } from '../../src/methods/catalogue.js';
import { repositoryRoot } from '../../src/setup/places.mjs';

const ciard = (args: string[]) =>
  execa(process.execPath, [join(repositoryRoot, 'bin', 'ciard.mjs'), ...args], { cwd: '/', reject: false });

test('ciard methods lists every method with its teachers and its source', async () => {
  const { exitCode, stdout, stderr } = await ciard(['methods']);
  assert.equal(stderr, '');
  assert.equal(exitCode, 0);
  const [heading, , ...rows] = stdout.split('\n');
  assert.match(heading!, /^method +title +teachers +source/);
  assert.equal(rows.length, methods.length);
  methods.forEach(({ name, title, source }, i) => {
    assert.ok(rows[i]!.startsWith(`${name} `) && rows[i]!.includes(` ${title} `) && rows[i]!.endsWith(source), rows[i]);
  });
  assert.match(
    rows.find((row) => row.startsWith('mtard '))!,
    / clean \+ robust /,
  );
});

test('ciard methods --json has the recipes', async () => {
  const { exitCode, stdout, stderr } = await ciard(['methods', '--json']);
  assert.equal(stderr, '');
  assert.equal(exitCode, 0);
  const records = JSON.parse(stdout) as { name: string; teachers: unknown; recipe: unknown }[];
  assert.deepEqual(
    records.map(({ name }) => name),
    methods.map(({ name }) => name),
  );
  const ard = records.find(({ name }) => name === 'ard')!;
  assert.deepEqual(ard.teachers, { clean: null, robust: 'frozen' });
  assert.deepEqual(ard.recipe, methods.find(({ name }) => name === 'ard')!.recipe);
});
