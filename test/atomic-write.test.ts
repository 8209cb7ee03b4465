import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkFolderWritable, checkWritable, writeAtomically } from '../src/atomic-write.js';
import { UserError } from '../src/errors.js';
import { writerMark } from '../src/writer.js';
import { everythingIn, temporaryFolder } from './temporary.js';

const root = temporaryFolder();
const refusal = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.message, pattern);
  assert.doesNotMatch(error.message, /\n/);
  return true;
};

test('a file is made and replaced, and nothing else appears', async () => {
  const folder = join(root, 'plain');
  mkdirSync(folder);
  const path = join(folder, 'a.json');
  await checkWritable(path);
  assert.deepEqual(everythingIn(folder), []);
  await writeAtomically(path, ['one', Uint8Array.of(33)]);
  assert.equal(readFileSync(path, 'utf8'), 'one!');
  await checkWritable(path);
  await writeAtomically(path, ['two']);
  assert.equal(readFileSync(path, 'utf8'), 'two');
  assert.deepEqual(everythingIn(folder), ['a.json']);
});

test('a link is followed and stays; what it leads to is made or replaced', async () => {
  const folder = join(root, 'links');
  mkdirSync(join(folder, 'elsewhere'), { recursive: true });
  writeFileSync(join(folder, 'elsewhere', 'old'), 'old');
  symlinkSync('elsewhere/old', join(folder, 'link'));
  symlinkSync('link', join(folder, 'twice'));
  symlinkSync('elsewhere/new', join(folder, 'fresh'));
  await writeAtomically(join(folder, 'twice'), ['through']);
  await writeAtomically(join(folder, 'fresh'), ['made']);
  assert.ok(['link', 'twice', 'fresh'].every((name) => lstatSync(join(folder, name)).isSymbolicLink()));
  assert.equal(readFileSync(join(folder, 'elsewhere', 'old'), 'utf8'), 'through');
  assert.equal(readFileSync(join(folder, 'elsewhere', 'new'), 'utf8'), 'made');
  symlinkSync('circle', join(folder, 'circle'));
  await assert.rejects(writeAtomically(join(folder, 'circle'), ['x']), refusal(/a link that leads nowhere/));
});

test('what is no regular file is never replaced, and the check says so before', async () => {
  const folder = join(root, 'special');
  mkdirSync(join(folder, 'inner'), { recursive: true });
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
  symlinkSync('pipe', join(folder, 'link'));
  symlinkSync('/dev/stdout', join(folder, 'out'));
  const before = everythingIn(folder);
  const kinds: readonly (readonly [string, RegExp])[] = [
    ['inner', /inner can't be written: it is a folder, and only files are replaced\. Name a file\.$/],
    ['absent/', /it names a folder/],
    ['pipe', /it is a pipe/],
    ['socket', /it is a socket/],
    ['link', /it is a pipe/],
    ['out', /\/dev holds devices/],
  ];
  for (const [name, pattern] of kinds) {
    await assert.rejects(writeAtomically(`${folder}/${name}`, ['x']), refusal(pattern), name);
    await assert.rejects(checkWritable(`${folder}/${name}`), refusal(pattern), name);
  }
  assert.deepEqual(everythingIn(folder), before);
  assert.ok(lstatSync(join(folder, 'pipe')).isFIFO() && lstatSync(join(folder, 'socket')).isSocket());
  server.close();
  for (const device of ['/dev/null', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', '/dev/ciard-test'])
    await assert.rejects(writeAtomically(device, ['x']), refusal(/holds devices/), device);
  assert.ok(lstatSync('/dev/null').isCharacterDevice() && !existsSync('/dev/ciard-test'));
});

test('/dev/stdout stays what it is where it leads to a regular file', () => {
  const out = join(root, 'redirected');
  const module = pathToFileURL(join(import.meta.dirname, '..', 'src', 'atomic-write.ts')).href;
  const program = `import(${JSON.stringify(module)}).then(async ({ writeAtomically }) => {
    process.stdout.write('printed');
    await writeAtomically('/dev/stdout', ['x']).catch((error) => process.stderr.write(error.message));
  })`;
  const handle = openSync(out, 'w');
  const { stderr } = spawnSync(process.execPath, ['--import', 'tsx', '-e', program], {
    stdio: ['ignore', handle, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(handle);
  assert.match(stderr, /\/dev\/stdout can't be written: .* holds devices/);
  assert.equal(readFileSync(out, 'utf8'), 'printed');
});

test('a folder that is not there, or takes no files, is one clear error', async () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      join(root, 'absent', 'x'),
      /absent\/x can't be written: its folder is not there\. Make the folder, or name another/,
    ],
    [join(file, 'x'), /a file lies where a folder should/],
    // Not even the superuser makes files there.
    ['/sys/x', /may not write there|read-only/],
  ];
  for (const [path, pattern] of cases) {
    await assert.rejects(writeAtomically(path, ['x']), refusal(pattern));
    await assert.rejects(checkWritable(path), refusal(pattern));
  }
  await assert.rejects(
    checkFolderWritable('/sys/runs/a'),
    refusal(/^\/sys\/runs\/a can't be written: .*(rights|read-only)/),
  );
  await assert.rejects(checkFolderWritable('/proc/runs/a'), refusal(/^\/proc\/runs\/a can't be written: /));
  await assert.rejects(checkFolderWritable(join(file, 'a')), refusal(/a file lies where a folder should/));
  await assert.rejects(checkFolderWritable(file), refusal(/a file lies where a folder should/));
  const before = everythingIn(root);
  await checkFolderWritable(join(root, 'absent', 'deeper'));
  await checkFolderWritable(root);
  assert.deepEqual(everythingIn(root), before);
});

test('leftovers go where their writer is gone: here by process and its start, of other machines after a day', async () => {
  const folder = join(root, 'leftovers');
  mkdirSync(folder);
  const own = writerMark();
  const [machine, pid, start] = own.split('-') as [string, string, string];
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const elsewhere = machine === '00000000' ? '11111111' : '00000000';
  const leave = (mark: string, hours: number): string => {
    const path = join(folder, `.x.${mark}.tmp`);
    writeFileSync(path, '');
    const then = Date.now() / 1000 - hours * 3600;
    utimesSync(path, then, then);
    return path;
  };
  const stays = [
    leave(own, 100),
    // A number that runs here, or none does, says nothing of another machine.
    leave(`${elsewhere}-${pid}-${start}-00000001`, 20),
    leave(`${elsewhere}-${gone}-${start}-00000002`, 20),
    join(folder, '.x.123.tmp'),
    join(folder, `.y.${machine}-${gone}-${start}-00000003.tmp`),
  ];
  for (const path of stays.slice(3)) writeFileSync(path, '');
  const goes = [
    leave(`${machine}-${gone}-${start}-00000004`, 0),
    // The number was given to another process since.
    leave(`${machine}-${pid}-${Number(start) - 1}-00000005`, 0),
    leave(`${elsewhere}-${pid}-${start}-00000006`, 30),
  ];
  await writeAtomically(join(folder, 'x'), ['x']);
  assert.deepEqual(stays.filter(existsSync), stays);
  assert.deepEqual(goes.filter(existsSync), []);
  assert.ok(statSync(join(folder, 'x')).isFile());
});
