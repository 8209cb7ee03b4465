import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { holdAlone } from '../../src/setup/exclusion.mjs';
import { temporaryFolder } from '../temporary.js';

const setupModule = (name: string): string =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, '..', '..', 'src', 'setup', name)).href);

/** A Node process that runs `body`, in which `hold` takes the lock `file`. */
const lockingProcess = (folder: string, file: string, body: string) => {
  const program = join(folder, `program-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(
    program,
    `import { appendFileSync } from 'node:fs';
     import { spawn } from 'node:child_process';
     import { holdAlone } from ${setupModule('exclusion.mjs')};
     const hold = () => holdAlone(${JSON.stringify(file)}, { poll: 10 });
     const log = (text) => appendFileSync(${JSON.stringify(join(folder, 'log'))}, text + '\\n');
     const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
     ${body}`,
  );
  return spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
};

const ended = (child: ReturnType<typeof spawn>) => new Promise((resolve) => child.once('close', resolve));

test('of several at once one holds the lock at a time, and all get it', async (t) => {
  const folder = temporaryFolder(t);
  const body = `const lock = await hold(); log('in'); await pause(40); log('out'); lock.release();`;
  const children = Array.from({ length: 5 }, () => lockingProcess(folder, join(folder, 'lock'), body));
  await Promise.all(children.map(ended));
  assert.equal(readFileSync(join(folder, 'log'), 'utf8'), 'in\nout\n'.repeat(5));
  assert.equal(existsSync(join(folder, 'lock')), false);
});

test('the lock of a killed holder is taken over by one at a time, and the command that it left behind is ended', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'lock');
  const holder = lockingProcess(
    folder,
    file,
    `const lock = await hold();
     const command = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
     lock.commands([command.pid]);
     console.log(command.pid);
     await pause(600_000);`,
  );
  const command = Number(await new Promise((resolve) => holder.stdout.once('data', resolve)));
  holder.kill('SIGKILL');
  await ended(holder);
  process.kill(command, 0);
  const body = `const lock = await hold(); log('in'); await pause(40); log('out'); lock.release();`;
  await Promise.all([1, 2, 3].map(() => ended(lockingProcess(folder, file, body))));
  assert.equal(readFileSync(join(folder, 'log'), 'utf8'), 'in\nout\n'.repeat(3));
  // Ended: gone, or a zombie where nobody reaps it.
  const state = existsSync(`/proc/${command}/stat`)
    ? /\) (\S)/.exec(readFileSync(`/proc/${command}/stat`, 'utf8'))?.[1]
    : 'gone';
  assert.ok(state === 'gone' || state === 'Z', `the command is in state ${state ?? ''}`);
});

test('a holder elsewhere is waited for while it shows signs of life', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'lock');
  const elsewhere = { token: 'other', machine: 'another machine', holder: { pid: 1, start: '1' }, commands: [] };
  writeFileSync(file, JSON.stringify(elsewhere));
  const waited: number[] = [];
  const holding = holdAlone(file, { onWait: (pid) => waited.push(pid), poll: 10 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(readFileSync(file, 'utf8'), JSON.stringify(elsewhere));
  const longAgo = new Date(Date.now() - 120_000);
  utimesSync(file, longAgo, longAgo);
  (await holding).release();
  assert.deepEqual(waited, [1]);
  assert.equal(existsSync(file), false);
});
