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
  const records = JSON.parse(stdout) as { name: string; teachers: unknown; recipe: unknown; settings: object[] }[];
  assert.deepEqual(
    records.map(({ name }) => name),
    methods.map(({ name }) => name),
  );
  const ard = records.find(({ name }) => name === 'ard')!;
  assert.deepEqual(ard.teachers, { clean: null, robust: 'frozen' });
  assert.deepEqual(ard.settings[0], {
    name: 'temperature',
    default: 30,
    values: 'number > 0',
    meaning: "T, which softens both networks' answers (published code: 30)",
  });
  assert.deepEqual(ard.recipe, methods.find(({ name }) => name === 'ard')!.recipe);
});

test('ciard methods NAME describes its settings, and an unknown name is one clear error', async () => {
  const { exitCode, stdout } = await ciard(['methods', 'ciard']);
  assert.equal(exitCode, 0);
  assert.match(stdout, /warmUp: 0\.1667 {2}\(number ≥ 0 ≤ 1\)\n {4}How long .*50 of 300 epochs/);
  assert.match(stdout, /pushRule: adaptive {2}\(adaptive, adaptive-in-run, fixed, magnitude\)/);
  assert.match((await ciard(['methods', 'mtard'])).stdout, /fallsFrom: left out {2}\(uniform\)/);
  assert.match((await ciard(['methods', 'natural'])).stdout, /No settings of its own/);
  const unknown = await ciard(['methods', 'ciardd']);
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.stderr, /there is no method "ciardd"/);
});
