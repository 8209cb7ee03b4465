import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
