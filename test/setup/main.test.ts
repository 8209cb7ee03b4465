import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { execa } from 'execa';
import { places, repositoryRoot } from '../../src/setup/places.mjs';
import { temporaryFolder } from '../temporary.js';

const isSetUp =
  existsSync(places.addon) && existsSync(places.pythonExecutable) ? false : 'needs a checkout that is set up';

/**
 * Set-up's own files in a folder of their own, without anything that they make, and a path that holds `programs` alone,
 * each a shell script.
 */
const bareCheckout = (t: TestContext, programs: Record<string, string>) => {
  const root = join(temporaryFolder(t), 'checkout');
  const path = join(root, 'path');
  mkdirSync(path, { recursive: true });
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, name), 0o755);
  }
  cpSync(join(repositoryRoot, 'src', 'setup'), join(root, 'src', 'setup'), { recursive: true });
  for (const name of ['package.json', 'package-lock.json', 'requirements.lock', 'requirements-tensorflow-cpu.lock']) {
    cpSync(join(repositoryRoot, name), join(root, name));
  }
  // Nothing is to be fetched here: this npm has nothing to do.
  const npm = join(root, 'npm-cli.js');
  writeFileSync(npm, '');
  const run = (...args: string[]) =>
    execa(process.execPath, [join(root, 'src', 'setup', 'main.mjs'), ...args], {
      env: { PATH: path, HOME: root, npm_execpath: npm },
      extendEnv: false,
      stdin: 'ignore',
      reject: false,
    });
  return { root, run };
};

const python = (version: string, venv: boolean) =>
  `echo '{"version": [${version}], "executable": "/usr/bin/python3", "venv": ${venv}}'`;

test('each missing prerequisite is one line with its remedy, exit code 2, and nothing is made', async (t) => {
  const { root, run } = bareCheckout(t, {});
  const { exitCode, stderr } = await run();
  assert.equal(exitCode, 2);
  assert.match(stderr, /^set-up: There is no Python on the path.*python3-venv/m);
  assert.match(stderr, /^There is no C\+\+ compiler.*apt install g\+\+/m);
  assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace');
  assert.equal(existsSync(join(root, 'node_modules')), false);
  assert.equal(existsSync(join(root, '.ciard', 'lock')), false);
});

test('a Python that is too old, or cannot make environments, is named with the remedy', async (t) => {
  const old = await bareCheckout(t, { 'g++': 'true', python3: python('3, 9', true) }).run();
  assert.equal(old.exitCode, 2);
  assert.match(old.stderr, /^set-up: python3 is Python 3\.9; ciard needs Python 3\.10 or newer/);
  assert.doesNotMatch(old.stderr, /compiler/);
  const bare = await bareCheckout(t, { 'c++': 'true', python3: python('3, 12', false) }).run();
  assert.equal(bare.exitCode, 2);
  assert.match(bare.stderr, /^set-up: Python 3\.12 .* venv or ensurepip is missing.*apt install python3-venv/);
});

test('a compiler or a Python that a variable names wrongly is named', async (t) => {
  const { root } = bareCheckout(t, {});
  const { exitCode, stderr } = await execa(process.execPath, [join(root, 'src', 'setup', 'main.mjs')], {
    env: { PATH: join(root, 'path'), HOME: root, CXX: 'no-such-compiler -m64', CIARD_PYTHON: '/no/such/python' },
    extendEnv: false,
    reject: false,
  });
  assert.equal(exitCode, 2);
  assert.match(stderr, /CXX names 'no-such-compiler -m64', which does not run/);
  assert.match(stderr, /CIARD_PYTHON names '\/no\/such\/python', which does not run/);
});

test('an old Node is told so before anything else is loaded', async (t) => {
  const { root } = bareCheckout(t, {});
  const preload = join(root, 'old-node.mjs');
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.18.3' } });`,
  );
  const args = ['--import', preload, join(root, 'src', 'setup', 'main.mjs')];
  const { exitCode, stderr } = await execa(process.execPath, args, { reject: false });
  assert.equal(exitCode, 2);
  assert.equal(stderr, 'set-up: This is Node.js 20.18.3; ciard needs 20.19 or newer (https://nodejs.org).');
});

test('a command that fails is shown with the end of its output, and the lock is given back', async (t) => {
  const { root, run } = bareCheckout(t, {
    'g++': 'true',
    // Answers the first question; then it cannot make an environment.
    python3: `case "$*" in *venv\\ /*) echo "no space left on device" >&2; exit 1;; esac`,
  });
  // The script names itself, so that set-up calls it again.
  const script = join(root, 'path', 'python3');
  writeFileSync(
    script,
    `${readFileSync(script, 'utf8')}echo '{"version": [3, 12], "executable": "${script}", "venv": true}'\n`,
  );
  const { exitCode, stderr } = await run();
  assert.equal(exitCode, 1);
  assert.match(stderr, /^set-up: making a Python environment failed: exit code 1\n.*\n {4}no space left on device$/m);
  assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace');
  assert.equal(existsSync(join(root, '.ciard', 'lock')), false);
});

test('flags: help, and one error for what is wrong', async (t) => {
  const { run } = bareCheckout(t, {});
  const help = await run('--help');
  assert.equal(help.exitCode, 0);
  assert.match(help.stdout, /--device cpu\|gpu\|auto/);
  const wrongDevice = await run('--device=tpu');
  assert.deepEqual(
    [wrongDevice.exitCode, wrongDevice.stderr],
    [2, "set-up: --device was given 'tpu'; it takes cpu, gpu or auto."],
  );
  const wrongFlag = await run('--devise', 'cpu');
  assert.equal(wrongFlag.exitCode, 2);
  assert.match(wrongFlag.stderr, /^set-up: There is no option '--devise'\./);
});

test('a second set-up takes under two seconds and says nothing', { skip: isSetUp }, async () => {
  const setUp = () =>
    execa(process.execPath, [join(repositoryRoot, 'src', 'setup', 'main.mjs')], { stdin: 'ignore', reject: false });
  await setUp();
  const began = performance.now();
  const { exitCode, stdout, stderr } = await setUp();
  const milliseconds = performance.now() - began;
  assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: '', stderr: '' });
  assert.ok(milliseconds < 2000, `${milliseconds.toFixed(0)} ms`);
});

test('TensorFlow loads and writes nothing to the log', { skip: isSetUp }, async () => {
  const program = `import { tensorflow } from './src/engine/backend.js'; console.log(tensorflow().binding.TF_Version);`;
  const { stdout, stderr } = await execa(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    {
      cwd: repositoryRoot,
    },
  );
  assert.match(stdout, /^\d+\.\d+\.\d+$/);
  assert.equal(stderr, '');
});
