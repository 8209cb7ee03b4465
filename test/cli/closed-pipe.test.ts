import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, openSync, closeSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../src/setup/places.mjs';

/** Runs a program of ours whose named outputs nobody reads. @returns its exit code, and what the other output had */
const runUnread = async (args: readonly string[], closed: readonly ('stdout' | 'stderr')[]) => {
  const child = spawn(process.execPath, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const name of ['stdout', 'stderr'] as const) {
    // As `head` does when it has enough, but before the first line.
    if (closed.includes(name)) child[name].destroy();
    else child[name].on('data', (text: Buffer) => (said += text.toString()));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
};

const program = join('bin', 'ciard.mjs');

test('a command whose output nobody reads any more ends quietly, with the exit code that it has anyway', async () => {
  for (const [args, code] of [
    [[program, 'attacks', '--json'], 0],
    [[program, 'cell', 'list'], 0],
    [[program, '--help'], 0],
    [[join('src', 'setup', 'main.mjs'), '--help'], 0],
  ] as const) {
    assert.deepEqual(await runUnread(args, ['stdout']), { code, said: '' }, args.join(' '));
  }
});

test('nor does a closed standard error end a command', async () => {
  assert.deepEqual(await runUnread([program, 'models', 'nosuch'], ['stderr']), { code: 2, said: '' });
  assert.deepEqual(await runUnread([program, 'methods', 'nosuch'], ['stdout', 'stderr']), { code: 2, said: '' });
});

test(
  'an output that is full is one clear error',
  { skip: existsSync('/dev/full') ? false : 'needs /dev/full' },
  async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [program, 'attacks'], {
      cwd: repositoryRoot,
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    let said = '';
    child.stderr!.on('data', (text: Buffer) => (said += text.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 1);
    assert.match(said, /^standard output can't be written: ENOSPC[^\n]*\n$/);
  },
);
