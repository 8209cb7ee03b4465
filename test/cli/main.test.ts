import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../src/data/location.js';

test('--version prints the version of package.json, and nothing else', async () => {
  const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8')) as { version: string };
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [join(repositoryRoot(), 'bin', 'ciard.mjs'), '--version'],
    { cwd: '/' },
  );
  assert.deepEqual([exitCode, stdout, stderr], [0, version, '']);
});

test('by itself it says in ten lines what can be done, and every command of them is one', async () => {
  const ciard = (...args: string[]) => execa(process.execPath, [join(repositoryRoot(), 'bin', 'ciard.mjs'), ...args]);
  const [{ stdout }, { stdout: help }] = await Promise.all([ciard(), ciard('--help')]);
  assert.ok(stdout.split('\n').length <= 10);
  const named = [...stdout.matchAll(/npx ciard ([a-z][a-z-]*)/g)].map(([, name]) => name!);
  assert.ok(named.length >= 5);
  for (const name of named) assert.match(help, new RegExp(`^  ${name} `, 'm'));
});

test('a command loads what it needs only when it runs: at the start there is no TensorFlow, no schema, no process', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const read = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    for (const [, from] of text.matchAll(/^(?:import|export) (?!type )(?:[^'"]*? from )?'([^']+)'/gm)) {
      if (!from!.startsWith('.')) packages.add(from!);
      else read(join(dirname(file), from!).replace(/\.js$/, '.ts'));
    }
  };
  read(join(repositoryRoot(), 'src', 'cli', 'main.ts'));
  assert.ok(seen.size > 20);
  assert.deepEqual([...packages].filter((name) => !name.startsWith('node:')).sort(), ['commander']);
});
