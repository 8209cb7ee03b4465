import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  dvc,
  dvcAdd,
  dvcCheckout,
  dvcCommit,
  dvcDataStatus,
  dvcFetch,
  dvcPull,
  dvcPush,
  dvcStatus,
  dvcVersion,
} from '../../src/dvc/dvc.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import { temporaryFolder } from '../temporary.js';
import { createDvcRepository, needsDvc } from './dvc-repository.js';

const folder = temporaryFolder();

test('where DVC is not set up, the error says what sets it up', async () => {
  await assert.rejects(
    dvcVersion({ executable: '/nowhere/dvc', root: '/' }),
    (error) => error instanceof UserError && /DVC is not set up .*npm start/.test(error.message),
  );
});

describe('with DVC', { skip: needsDvc }, () => {
  test('version', async () => {
    assert.match(await dvcVersion(), /^3\.\d+\.\d+/);
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
    const { uncommitted } = await dvcDataStatus([], options);
    assert.deepEqual([uncommitted.modified, uncommitted.deleted], [['data/a/one.bin'], ['data/a/two.bin']]);

    await dvcCheckout(['data.dvc'], options);
    assert.equal(readFileSync(join(root, 'data', 'a', 'one.bin'), 'utf8'), 'one');

    const remote = join(root, '..', 'remote');
    await dvc(['remote', 'add', '--quiet', 'store', remote], options);
    assert.match(await dvcPush(['data.dvc'], { ...options, remote: 'store' }), /2 files pushed/);
    rmSync(join(root, '.dvc', 'cache'), { recursive: true });
    rmSync(join(root, 'data'), { recursive: true });
    assert.match(await dvcFetch(['data.dvc'], { ...options, remote: 'store' }), /2 files fetched/);
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
      dvcAdd(['a.txt'], options),
      dvcAdd(['absent.txt'], options),
      dvcAdd(['b.txt'], options),
      dvcAdd(['c.txt'], options),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    for (const name of names) assert.ok(existsSync(join(root, `${name}.dvc`)));
  });

  test('an interruption ends the call', async () => {
    const { options } = await createDvcRepository(folder);
    const controller = new AbortController();
    const running = dvcStatus([], { ...options, signal: controller.signal });
    setTimeout(() => {
      controller.abort();
    }, 50);
    await assert.rejects(running, InterruptedError);
  });
});
