import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../src/data/location.js';
import { serveArchive } from '../data/archive-server.js';
import { everythingIn, temporaryFolder } from '../temporary.js';
import { runCommandLines } from './command-lines.js';
import { needsDvc } from '../dvc/dvc-repository.js';

const folder = temporaryFolder();
const root = join(folder, 'data');

/** Runs the command line as a user does, its data sets in a folder of the test's own. */
const ciard = async (...args: string[]): Promise<{ code: number | undefined; stdout: string; stderr: string }> => {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [join(repositoryRoot(), 'bin', 'ciard.mjs'), ...args],
    {
      env: { CIARD_DATA: root },
      reject: false,
    },
  );
  return { code: exitCode, stdout, stderr };
};

test('list: absent data sets are no error, and how to get them is said', async () => {
  const { code, stdout } = await ciard('data', 'list', '--json');
  assert.equal(code, 0);
  const entries = JSON.parse(stdout) as { dataset: string; state: string; message: string }[];
  assert.deepEqual(
    entries.map(({ dataset, state }) => [dataset, state]),
    ['cifar10', 'cifar100', 'tiny-imagenet', 'synthetic'].map((name) => [name, 'absent']),
  );
  assert.match(entries[0]!.message, /npx ciard data fetch cifar10/);
});

test('import: the synthetic set, its MD5s printed, then listed; a broken one is called broken', async () => {
  const made = await ciard('data', 'import', 'synthetic', '--json');
  assert.equal(made.code, 0, made.stderr);
  const { train, whole } = JSON.parse(made.stdout) as { train: { md5: string }; whole: boolean };
  assert.ok(whole);
  assert.equal(
    train.md5,
    createHash('md5')
      .update(readFileSync(join(root, 'synthetic', 'train.bin')))
      .digest('hex'),
  );
  const listed = await ciard('data', 'list');
  assert.match(listed.stdout, /synthetic +here +5000 \+ 1000 +10 classes +32 × 32 +the whole set/);
  writeFileSync(join(root, 'synthetic', 'test.bin'), 'short');
  assert.match(
    (await ciard('data', 'list')).stdout,
    /synthetic +broken .*test\.bin has 5 bytes, wanted 3073000; remove/,
  );
});

test('bad input: one line that says what to do, exit code 2, no trace, nothing written', async () => {
  const page = join(folder, 'page.tar.gz');
  writeFileSync(page, '<html>');
  mkdirSync(join(folder, 'empty'));
  const before = everythingIn(root);
  const cases = [
    [
      ['import', 'mnist', page],
      /^ciard: no data set is called 'mnist'; the names are cifar10, cifar100, tiny-imagenet, synthetic$/,
    ],
    [['import', 'cifar10'], /^ciard: the archive or folder of cifar10 is not named: .*$/],
    [['import', 'cifar10', page], /^ciard: .*page\.tar\.gz is no archive: it is a web page, .*$/],
    [['import', 'cifar100', join(folder, 'empty')], /^ciard: .*train\.bin, test\.bin missing; wanted CIFAR-100.*$/],
    [['import', 'synthetic', page], /^ciard: synthetic is made, not imported.*$/],
    [['fetch', 'cifar10', '--md5', 'abc'], /^ciard: --md5 'abc'; wanted 32 hexadecimal digits$/],
    [['fetch', 'synthetic', '--url', 'http://127.0.0.1:9/'], /^ciard: --url is given, but synthetic is made here.*$/],
    [['fetch', 'synthetic', '--md5', '0'.repeat(32)], /^ciard: --md5 is given, but synthetic is made here.*$/],
    [['fetch', 'synthetic', '--keep'], /^ciard: --keep is given, but synthetic is made here.*$/],
    [['verify', 'imagenet'], /^ciard: no data set is called 'imagenet'.*$/],
    [['import', 'cifar10', page, '--nonsense'], /unknown option '--nonsense'/],
  ] as const;
  const outcomes = await runCommandLines(
    cases.map(([args]) => ['data', ...args]),
    folder,
    { CIARD_DATA: root },
  );
  for (const [i, { exitCode, stderr, stdout }] of outcomes.entries()) {
    const [args, pattern] = cases[i]!;
    assert.equal(exitCode, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr.trimEnd(), pattern);
    assert.equal(stdout, '');
  }
  assert.deepEqual(everythingIn(root), before);
});

test('fetch: from a mirror that does not have it', async () => {
  const server = await serveArchive(Buffer.alloc(0), [], { status: 404 });
  const { code, stderr } = await ciard('data', 'fetch', 'tiny-imagenet', '--url', server.address);
  assert.equal(code, 2);
  assert.match(stderr, /the server answered 404 Not Found\. Name another address of the same file with --url/);
  assert.equal(server.requests.length, 1);
});

test('verify: data set by data set, through DVC', { skip: needsDvc }, async () => {
  const { code, stdout, stderr } = await ciard('data', 'verify', 'synthetic', '--json');
  const [outcome] = JSON.parse(stdout) as { dataset: string; state: string; files: unknown[] }[];
  assert.equal(outcome!.dataset, 'synthetic');
  assert.equal(outcome!.files.length, 3);
  // The checkout's own: its data folder is where DVC looks.
  assert.ok(['verified', 'absent'].includes(outcome!.state), stdout);
  assert.equal(code, 0, stderr);
});

test('list, import: an empty folder is an absent data set', async () => {
  const own = join(folder, 'pulled');
  for (const name of ['cifar10', 'synthetic']) mkdirSync(join(own, name), { recursive: true });
  const run = (...args: string[]) =>
    execa(process.execPath, [join(repositoryRoot(), 'bin', 'ciard.mjs'), 'data', ...args, '--json'], {
      env: { CIARD_DATA: own },
    });
  const states = async (): Promise<string[]> =>
    (JSON.parse((await run('list')).stdout) as { state: string }[]).map(({ state }) => state);
  assert.deepEqual(await states(), ['absent', 'absent', 'absent', 'absent']);
  await run('import', 'synthetic');
  assert.deepEqual(await states(), ['absent', 'absent', 'absent', 'here']);
});

test('import and fetch: a place that cannot be written is found before anything is read or downloaded', async () => {
  const server = await serveArchive(Buffer.alloc(10), []);
  const nowhere = join(folder, 'page.tar.gz', 'data');
  for (const args of [
    ['import', 'cifar10', join(folder, 'empty')],
    ['import', 'synthetic'],
    ['fetch', 'cifar10', '--url', server.address],
  ]) {
    const { exitCode, stderr } = await execa(
      process.execPath,
      [join(repositoryRoot(), 'bin', 'ciard.mjs'), 'data', ...args],
      { env: { CIARD_DATA: nowhere }, reject: false },
    );
    assert.equal(exitCode, 2);
    assert.match(stderr, /^ciard: .*can't be written: a file lies where a folder should\. Name another place\.$/);
  }
  assert.equal(server.requests.length, 0);
});
