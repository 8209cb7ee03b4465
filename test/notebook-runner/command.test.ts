import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../src/setup/places.mjs';

const ciard = (args: string[]) =>
  execa(process.execPath, [join(repositoryRoot, 'bin', 'ciard.mjs'), 'notebooks', 'run', ...args], {
    cwd: '/',
    reject: false,
  });

test('what is asked wrongly is one error, exit code 2', async () => {
  const cases: [string[], RegExp][] = [
    [['no-such-notebook'], /there is no notebook "no-such-notebook" .* Known are 00-quickstart/],
    [['--budget', 'small'], /--budget small is for --check/],
    [['--budget', 'large'], /Allowed choices are full, small/],
    [['--timeout', '0'], /a positive number is wanted/],
  ];
  for (const [args, message] of cases) {
    const { exitCode, stdout, stderr } = await ciard(args);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {4}at /);
    assert.equal(stdout, '');
  }
});
