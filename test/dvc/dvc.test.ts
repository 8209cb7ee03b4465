import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { dvc, dvcCommit, dvcExecutable, dvcPull, dvcPush, dvcStatus, type DvcOptions } from '../../src/dvc/dvc.js';
import { DvcError, type DvcFailure } from '../../src/dvc/dvc-error.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import { temporaryFolder } from '../temporary.js';
import { createDvcRepository, needsDvc } from './dvc-repository.js';

const folder = temporaryFolder();

test('where DVC is not set up, the error says what sets it up', async () => {
  await assert.rejects(
    dvc(['--version'], { executable: '/nowhere/dvc', root: '/' }),
    (error) => error instanceof UserError && /DVC is not set up .*npm start/.test(error.message),
  );
});

describe('with DVC', { skip: needsDvc }, () => {
  test('version', async () => {
    assert.match(await dvc(['--version']), /^3\.\d+\.\d+/);
  });

  test('a multi-output .dvc file: commit, status, push, fetch, checkout, pull', async () => {
    const { root, options } = await createDvcRepository(folder);
    mkdirSync(join(root, 'data', 'a'), { recursive: true });
    writeFileSync(join(root, 'data', 'a', 'one.bin'), 'one');
    writeFileSync(join(root, 'data', 'a', 'two.bin'), 'two');
    writeFileSync(join(root, 'data.dvc'), '# kept\nouts:\n- path: data/a/one.bin\n- path: data/a/two.bin\n');
    await dvcCommit(['data.dvc'], options);
    const written = readFileSync(join(root, 'data.dvc'), 'utf8');
    assert.match(written, /^# kept/);
    // md5 of 'one'.
    assert.match(written, /md5: f97c5d29941bfb1b2fdab0874906ab82/);
    assert.deepEqual(await dvcStatus(['data.dvc'], options), {});

    writeFileSync(join(root, 'data', 'a', 'one.bin'), 'ONE');
    rmSync(join(root, 'data', 'a', 'two.bin'));
    assert.deepEqual(await dvcStatus([], options), {
      'data.dvc': [{ 'changed outs': { 'data/a/one.bin': 'modified', 'data/a/two.bin': 'deleted' } }],
    });

    await dvc(['checkout', '--force', 'data.dvc'], options);
    assert.equal(readFileSync(join(root, 'data', 'a', 'one.bin'), 'utf8'), 'one');

    const remote = join(root, '..', 'remote');
    await dvc(['remote', 'add', '--quiet', 'store', remote], options);
    assert.match(await dvcPush(['data.dvc'], { ...options, remote: 'store' }), /2 files pushed/);
    rmSync(join(root, '.dvc', 'cache'), { recursive: true });
    rmSync(join(root, 'data'), { recursive: true });
    assert.match(await dvc(['fetch', '--remote', 'store', 'data.dvc'], options), /2 files fetched/);
    assert.ok(!existsSync(join(root, 'data')));
    await dvcPull(['data.dvc'], { ...options, remote: 'store' });
    assert.equal(readFileSync(join(root, 'data', 'a', 'two.bin'), 'utf8'), 'two');
  });

  test("a failure is DVC's own message in one line, without its decoration", async () => {
    const { options } = await createDvcRepository(folder);
    await assert.rejects(dvcStatus(['nothing.dvc'], options), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /^dvc status nothing\.dvc --json: .*nothing\.dvc.* does not exist/);
      assert.ok(!/[\r\n\u001b]/.test(error.message));
      return true;
    });
  });

  test('calls made at the same time wait for each other, and one that fails does not stop the next', async () => {
    const { root, options } = await createDvcRepository(folder);
    const names = ['a.txt', 'b.txt', 'c.txt'];
    for (const name of names) writeFileSync(join(root, name), name);
    const results = await Promise.allSettled([
      dvc(['add', 'a.txt'], options),
      dvc(['add', 'absent.txt'], options),
      dvc(['add', 'b.txt'], options),
      dvc(['add', 'c.txt'], options),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    for (const name of names) assert.ok(existsSync(join(root, `${name}.dvc`)));
  });

  test('what DVC says while it works is told at once, and of bars how far they are', async () => {
    const { root, options } = await createDvcRepository(folder);
    writeFileSync(join(root, 'dvc.yaml'), 'stages:\n  slow:\n    cmd: echo first; sleep 1; echo second\n');
    const told: [string, number][] = [];
    const say = (line: string): void => {
      told.push([line, performance.now()]);
    };
    await dvc(['repro', 'slow'], { ...options, say });
    const at = (text: string): number => told.find(([line]) => line === text)![1];
    assert.ok(at('second') - at('first') > 500, 'the first line came with the second');
    const files = Array.from({ length: 5 }, (_, i) => `${i}.txt`);
    for (const name of files) writeFileSync(join(root, name), name);
    told.length = 0;
    await dvc(['add', ...files], { ...options, say });
    await dvc(['push', '--remote', await addRemote(options)], { ...options, say });
    assert.ok(
      told.some(([line]) => /\d+\/\d+$/.test(line)),
      told.map(([line]) => line).join('\n'),
    );
    for (const [line] of told) assert.doesNotMatch(line, /[\r\n\u001b]/);
  });

  test('an interruption ends the call, and what DVC runs with it', async () => {
    const { root, options } = await createDvcRepository(folder);
    const controller = new AbortController();
    writeFileSync(join(root, 'dvc.yaml'), 'stages:\n  slow:\n    cmd: echo $$ > pid; echo running; sleep 120\n');
    const running = dvc(['repro', 'slow'], {
      ...options,
      signal: controller.signal,
      say: (line) => {
        if (line === 'running') controller.abort();
      },
    });
    await assert.rejects(running, InterruptedError);
    const pid = Number(readFileSync(join(root, 'pid'), 'utf8'));
    await until(() => hasEnded(pid), 'the command that DVC ran goes on');
    await assert.rejects(dvcStatus([], { ...options, signal: controller.signal }), InterruptedError);
    // It holds nothing any more.
    assert.deepEqual(Object.keys(await dvcStatus([], options)), ['slow']);
  });

  /** Whether a process computes no more; where nobody collects it, the system goes on listing it as a zombie. */
  const hasEnded = (pid: number): boolean => {
    try {
      return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return true;
    }
  };
  const until = async (condition: () => boolean, otherwise: string): Promise<void> => {
    const end = performance.now() + 2000;
    while (!condition()) {
      assert.ok(performance.now() < end, otherwise);
      await delay(20);
    }
  };

  const addRemote = async (options: DvcOptions): Promise<string> => {
    await dvc(['remote', 'add', '--quiet', 'store', join(options.root!, '..', 'remote')], options);
    await dvc(['remote', 'modify', 'store', 'verify', 'true'], options);
    return 'store';
  };
  const isDvcError =
    (failure: DvcFailure, pattern: RegExp, paths?: readonly string[]) =>
    (error: unknown): boolean => {
      assert.ok(error instanceof DvcError, String(error));
      assert.equal(error.failure, failure, error.message);
      assert.match(error.message, pattern);
      if (paths) assert.deepEqual(error.paths, paths);
      return true;
    };

  test('a lock that another process holds', async () => {
    const { root, options } = await createDvcRepository(folder);
    writeFileSync(join(root, 'dvc.yaml'), 'stages:\n  slow:\n    cmd: echo x > out; sleep 900\n    outs: [out]\n');
    const other = spawn(dvcExecutable(), ['repro', 'slow'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      env: {
        ...process.env,
        DVC_NO_ANALYTICS: '1',
        DVC_SITE_CACHE_DIR: options.siteCache,
        PYTHONUNBUFFERED: '1',
      },
    });
    try {
      await new Promise<void>((resolve) => {
        other.stdout.on('data', (chunk: Buffer) => {
          if (chunk.toString().includes('Running stage')) resolve();
        });
      });
      await assert.rejects(
        dvc(['repro', 'slow'], options),
        isDvcError('lock held', new RegExp(`in use by process ${other.pid!} .*Wait until it is done`)),
      );
    } finally {
      process.kill(-other.pid!, 'SIGKILL');
    }
  });

  test('a file that is neither in the cache nor on the remote, one that is damaged there, one that was changed', async () => {
    const { root, options } = await createDvcRepository(folder);
    writeFileSync(join(root, 'a.txt'), 'a');
    await dvc(['add', 'a.txt'], options);
    writeFileSync(join(root, 'a.txt'), 'changed');
    await assert.rejects(
      dvc(['checkout', 'a.txt'], options),
      isDvcError('changed', /a\.txt: changed since DVC recorded it/),
    );
    const remote = await addRemote(options);
    rmSync(join(root, 'a.txt'));
    await dvcPush([], { ...options, remote });
    rmSync(join(root, '.dvc', 'cache'), { recursive: true });
    // MD5 of 'a'.
    const stored = join(root, '..', 'remote', 'files', 'md5', '0c', 'c175b9c0f1b6a831c399e269772661');
    chmodSync(stored, 0o644);
    writeFileSync(stored, 'b');
    await assert.rejects(dvcPull([], { ...options, remote }), isDvcError('missing', /damaged/, ['a.txt']));
    rmSync(stored, { force: true });
    await assert.rejects(
      dvcPull([], { ...options, remote }),
      isDvcError('missing', /a\.txt: neither in DVC's cache nor, whole, on the remote/, ['a.txt']),
    );
  });

  test('a stage that fails is named, and one whose source is missing says which', async () => {
    const { root, options } = await createDvcRepository(folder);
    writeFileSync(
      join(root, 'dvc.yaml'),
      'stages:\n  bad:\n    cmd: "false"\n  poor:\n    cmd: "true"\n    deps: [nowhere.txt]\n',
    );
    await assert.rejects(
      dvc(['repro', 'bad'], options),
      isDvcError('stage failed', /the stage bad failed \(false/, ['bad']),
    );
    await assert.rejects(dvc(['repro', 'poor'], options), isDvcError('missing', /nowhere\.txt/));
  });
});
