import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../src/setup/places.mjs';
import { temporaryFolder } from './temporary.js';

/** The runner, as it is called from a shell and not from inside a test. */
const run = (...args: string[]) =>
  execa(process.execPath, [join(repositoryRoot, 'test', 'run.mjs'), ...args], {
    env: { NODE_TEST_CONTEXT: undefined },
    reject: false,
  });

test("the runner's exit code is Node's, and Node's totals are its last lines", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'inner'));
  const write = (name: string, body: string) => {
    writeFileSync(
      join(folder, name),
      `import { test } from 'node:test';\ntest('a', () => { const n: number = 1; ${body} });\n`,
    );
  };
  write('good.test.ts', 'void n;');
  write('inner/good.test.ts', 'void n;');
  write('inner/not-a-test.ts', 'throw new Error(String(n));');
  const good = await run(folder);
  assert.equal(good.exitCode, 0, good.stdout);
  assert.match(good.stdout, /^# pass 2\n# fail 0\n.*\n.*\n.*\n# duration_ms [\d.]+$/m);
  assert.ok(good.stdout.trimEnd().split('\n').at(-1)?.startsWith('# duration_ms'));
  write('inner/bad.test.ts', 'throw new Error(String(n));');
  const bad = await run(folder);
  assert.equal(bad.exitCode, 1);
  assert.match(bad.stdout, /^# pass 2\n# fail 1\n/m);
  assert.ok(bad.stdout.trimEnd().split('\n').at(-1)?.startsWith('# duration_ms'));
  const named = await run(join(folder, 'good.test.ts'));
  assert.match(named.stdout, /^# pass 1\n# fail 0\n/m);
});

test('a file that is not there is one error, exit code 2', async () => {
  const { exitCode, stderr } = await run('no-such.test.ts');
  assert.equal(exitCode, 2);
  assert.match(stderr, /^test\/run\.mjs: .*no-such\.test\.ts/);
});

test('the files that the runner names are there', () => {
  const folder = join(repositoryRoot, 'test');
  const names = [...readFileSync(join(folder, 'run.mjs'), 'utf8').matchAll(/'([\w./-]+\.test\.ts)'/g)];
  assert.ok(names.length > 10);
  for (const [, name] of names) assert.ok(existsSync(join(folder, name!)), name);
});
