import assert from 'node:assert/strict';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadWithCode } from '../../src/notebook/code-cache.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const file = join(folder, 'module.cjs');
const cache = join(folder, 'cache');
writeFileSync(
  file,
  "const { basename } = require('node:path');\nexports.square = (x) => x * x;\nexports.name = basename(__filename);\n",
);
const require = createRequire(import.meta.url);

const load = () => {
  Reflect.deleteProperty(require.cache, file);
  const loaded = loadWithCode(require, file, cache);
  const { square, name } = loaded.exports as { square: (x: number) => number; name: string };
  assert.deepEqual([square(3), name], [9, 'module.cjs']);
  assert.equal(require(file), loaded.exports, 'whoever requires it has the same module');
  return loaded;
};
const kept = (): string[] => readdirSync(cache);

test('a module is loaded as require does, its code is kept once and used', async () => {
  await load().keep();
  const [name] = kept();
  const before = readFileSync(join(cache, name!));
  utimesSync(join(cache, name!), 1, 1);
  await load().keep();
  assert.deepEqual(kept(), [name]);
  assert.deepEqual(readFileSync(join(cache, name!)), before, 'what is good is not written again');
});

test('code that is broken is replaced; that of an older file goes', async () => {
  const [name] = kept();
  writeFileSync(join(cache, name!), 'no code');
  await load().keep();
  assert.ok(readFileSync(join(cache, name!)).length > 100);
  utimesSync(file, new Date(), new Date(Date.now() + 5000));
  await load().keep();
  assert.equal(kept().length, 1);
  assert.notEqual(kept()[0], name);
});

test('a folder that can not be made is no error', async () => {
  const blocked = join(folder, 'file');
  writeFileSync(blocked, '');
  Reflect.deleteProperty(require.cache, file);
  await loadWithCode(require, file, join(blocked, 'cache')).keep();
});
