import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRng } from '../../src/random.js';

const folder = await mkdtemp(join(tmpdir(), 'ciard-kill-'));
after(() => rm(folder, { recursive: true, force: true }));

const epochs = 3;
const executable = fileURLToPath(new URL('../../bin/ciard.mjs', import.meta.url));

const start = (out: string): ChildProcess =>
  spawn(
    process.execPath,
    [
      executable,
      ...`train --method pgd-at --arch cifar-resnet-8 --width 0.5 --data synthetic --epochs ${epochs} --batch 32`.split(
        ' ',
      ),
      ...'--train-images 320 --validation-images 40 --attack-steps 2 --seed 9 --save-every 0.05'.split(' '),
      ...['--out', join(folder, out)],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );

/** Waits until it ends. @returns its exit code, what ended it, and its standard error */
const ended = async (child: ChildProcess): Promise<{ code: number | null; signal: string | null; errors: string }> => {
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return { code, signal, errors };
};

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

/** All bytes that a run leaves for others: checkpoints and metrics. Not its state, which knows the seconds. */
const outcome = async (out: string): Promise<Record<string, string>> => {
  const root = join(folder, out);
  const names = (await readdir(root, { recursive: true })).filter((name) => !name.startsWith('state.')).sort();
  const found: Record<string, string> = {};
  for (const name of names) {
    const file = join(root, name);
    if ((await stat(file)).isFile()) found[name] = (await readFile(file)).toString('base64');
  }
  return found;
};

const stateOf = (out: string): string => join(folder, out, 'state.safetensors');
const age = async (file: string): Promise<number> => (existsSync(file) ? (await stat(file)).mtimeMs : 0);

/** Waits for what comes about while `child` runs. @returns whether it did before the child ended */
const until = async (child: ChildProcess, condition: () => Promise<boolean>): Promise<boolean> => {
  while (isAlive(child)) {
    if (await condition()) return true;
    await wait(2);
  }
  return false;
};

/** Moments to kill at: what to wait for, in a run that may have been killed before. */
const moments: Readonly<Record<string, (out: string, child: ChildProcess, random: () => number) => Promise<boolean>>> =
  {
    'while it writes its state': async (out, child) =>
      until(child, async () =>
        existsSync(join(folder, out))
          ? (await readdir(join(folder, out))).some((name) => name.startsWith('.state.'))
          : false,
      ),
    'between two states': async (out, child, random) => {
      const before = await age(stateOf(out));
      const saved = await until(child, async () => (await age(stateOf(out))) > before);
      await wait(200 * random());
      return saved;
    },
    'while it writes a checkpoint or metrics': async (out, child) => {
      const file = join(folder, out, 'last.safetensors');
      const before = await age(file);
      return until(child, async () => (await age(file)) > before);
    },
    'as it starts': async (_out, child, random) => {
      await wait(1500 * random());
      return isAlive(child);
    },
  };

const kills = process.env['CIARD_SLOW_TESTS'] === '1' ? 40 : 4;

test(`killed by SIGKILL at ${kills} moments and started again, it ends with the bytes of an uninterrupted run`, async (t) => {
  const whole = await ended(start('whole'));
  assert.equal(whole.code, 0, whole.errors);
  const expected = await outcome('whole');
  assert.deepEqual(
    ['best.safetensors', 'last.safetensors', join('dvclive', 'metrics.json')].filter((name) => !(name in expected)),
    [],
  );

  const rng = createRng(1).fork('kill');
  let killed = 0;
  let run = 0;
  for (let attempt = 0; killed < kills; attempt++) {
    assert.ok(attempt < 4 * kills, 'it ends before it is killed, again and again');
    const [moment, reached] = Object.entries(moments)[attempt % Object.keys(moments).length]!;
    const child = start(`killed-${run}`);
    const end = ended(child);
    const alive = (await reached(`killed-${run}`, child, () => rng.uniform())) && isAlive(child);
    if (alive) {
      child.kill('SIGKILL');
      const { code, signal } = await end;
      // It was alive when it was killed, and nothing else ended it.
      assert.deepEqual([code, signal], [null, 'SIGKILL'], moment);
      killed++;
      t.diagnostic(`killed ${moment}`);
      continue;
    }
    // The run has ended before that moment came: it is compared, and another one begins.
    const { code, errors } = await end;
    assert.equal(code, 0, errors);
    assert.deepEqual(await outcome(`killed-${run}`), expected);
    run++;
  }
  const last = await ended(start(`killed-${run}`));
  assert.equal(last.code, 0, last.errors);
  assert.deepEqual(await outcome(`killed-${run}`), expected);
});

test('a second process is told who works in the folder; SIGTERM saves and exits with 143, and it can be gone on with', async () => {
  const first = start('term');
  const end = ended(first);
  assert.ok(await until(first, () => Promise.resolve(existsSync(stateOf('term')))));
  const second = await ended(start('term'));
  assert.equal(second.code, 2, second.errors);
  assert.match(second.errors, new RegExp(`term is in use by process ${first.pid!} on `));
  if (isAlive(first)) first.kill('SIGTERM');
  const { code, errors } = await end;
  // On a fast machine it may have been done by then.
  assert.ok(code === 143 || code === 0, `${code}: ${errors}`);
  if (code === 143) assert.match(errors, /training was interrupted in epoch \d+ and saved/);
  assert.equal((await ended(start('term'))).code, 0);
  assert.deepEqual(await outcome('term'), await outcome('whole'));
});
