import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { UserError } from '../src/errors.js';
import { holdAlone } from '../src/exclusive.js';
import { writerMark } from '../src/writer.js';

const folder = await mkdtemp(join(tmpdir(), 'ciard-exclusive-'));
after(() => rm(folder, { recursive: true, force: true }));

interface Written {
  token: string;
  host: string;
  since: string;
  machine: string;
  holder: { pid: number; start: string };
}
const read = async (file: string): Promise<Written> => JSON.parse(await readFile(file, 'utf8')) as Written;

const module = fileURLToPath(new URL('../src/exclusive.ts', import.meta.url));

/** A process of its own that holds `file` and says so, or says why it can't. */
const holder = (file: string) => {
  const code = `
    const { holdAlone } = await import(${JSON.stringify(module)});
    try {
      await holdAlone(${JSON.stringify(file)}, 'the run folder');
      console.log('held');
      setInterval(() => undefined, 1000);
    } catch (error) {
      console.log(error.message);
    }`;
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
};
const says = async (child: ReturnType<typeof holder>): Promise<string> =>
  String(((await once(child.stdout, 'data')) as [Buffer])[0]).trim();

test('held once; released, it can be held again, and nothing is left', async () => {
  const file = join(folder, 'a', '..', 'a.json');
  const hold = await holdAlone(file, 'the run folder runs/a');
  const { holder: own, host, since } = await read(file);
  assert.equal(own.pid, process.pid);
  await assert.rejects(
    holdAlone(file, 'the run folder runs/a'),
    (error: unknown) =>
      error instanceof UserError &&
      error.message.startsWith(`the run folder runs/a is in use by process ${process.pid} on ${host}, since ${since}.`),
  );
  await hold.release();
  assert.deepEqual(await readdir(folder), []);
  await (await holdAlone(file, 'it')).release();
});

test('another process is told who holds it; when that was killed, it is taken over at once', async () => {
  const file = join(folder, 'b.json');
  const first = holder(file);
  assert.equal(await says(first), 'held');
  await assert.rejects(holdAlone(file, 'it'), new RegExp(`in use by process ${first.pid!} on ${hostname()}`));
  assert.equal(first.exitCode ?? first.signalCode, null, 'the holder is alive when it is killed');
  first.kill('SIGKILL');
  await once(first, 'exit');
  assert.ok(existsSync(file));
  await (await holdAlone(file, 'it')).release();
  assert.ok(!existsSync(file));
});

test('what a process that was killed while it took the lock has left goes with the next one that takes it', async () => {
  const file = join(folder, 'leftover.json');
  const child = holder(file);
  assert.equal(await says(child), 'held');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const { holder: dead } = await read(file);
  const [mine] = writerMark().split('-');
  const [left, running] = [`${mine!}-${dead.pid}-${dead.start}-00000000`, writerMark()];
  for (const mark of [left, running]) await writeFile(`${file}.${mark}.tmp`, '');
  await (await holdAlone(file, 'it')).release();
  assert.ok(!existsSync(`${file}.${left}.tmp`));
  assert.ok(existsSync(`${file}.${running}.tmp`), 'that of a process that runs stays');
  await rm(`${file}.${running}.tmp`);
});

test('a number that another process has by now does not keep it', async () => {
  const file = join(folder, 'c.json');
  const hold = await holdAlone(file, 'it');
  const written = await read(file);
  // The same machine, a process number that is in use, another time of start.
  await writeFile(file, JSON.stringify({ ...written, token: 'x', holder: { pid: process.ppid, start: '1' } }));
  const second = await holdAlone(file, 'it');
  // What was taken over is no longer the first one's to release.
  await hold.release();
  assert.equal((await read(file)).holder.pid, process.pid);
  await second.release();
});

test("another machine's holder is judged by its signs of life alone", async () => {
  const file = join(folder, 'd.json');
  // A process that does not exist here: that says nothing.
  const elsewhere = { pid: 999_999_999, start: '1' };
  await writeFile(
    file,
    JSON.stringify({ token: 'x', host: 'node7', since: '2020-01-01', machine: 'node7 boot', holder: elsewhere }),
  );
  await assert.rejects(
    holdAlone(file, 'it'),
    /process 999999999 on node7, since 2020-01-01\. Its last sign of life is/,
  );
  const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
  await utimes(file, ago(9), ago(9));
  await assert.rejects(holdAlone(file, 'it'), /after 10 minutes without one it counts as gone/);
  await utimes(file, ago(11), ago(11));
  await (await holdAlone(file, 'it')).release();
});

test('a lock that can not be read is given up after the same time', async () => {
  const file = join(folder, 'e.json');
  await writeFile(file, '{');
  await assert.rejects(holdAlone(file, 'it'), /another process/);
  const old = new Date(Date.now() - 11 * 60_000);
  await utimes(file, old, old);
  await (await holdAlone(file, 'it')).release();
});

test('of many that come at once to an abandoned lock, one gets it', async () => {
  const file = join(folder, 'f.json');
  const first = holder(file);
  assert.equal(await says(first), 'held');
  first.kill('SIGKILL');
  await once(first, 'exit');
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => holdAlone(file, 'it')));
  const held = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  assert.equal(held.length, 1);
  await held[0]!.release();
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('f.json')),
    [],
  );
});

test('a folder that is not there is an error of one sentence', async () => {
  await assert.rejects(holdAlone(join(folder, 'none', 'g.json'), 'the run folder runs/g'), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^the run folder runs\/g can't be written: ENOENT/);
    return true;
  });
});
