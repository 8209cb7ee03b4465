import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { loadWithCode } from '../../src/kernel/code-cache.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const file = join(folder, 'module.cjs');
const cache = join(folder, 'cache');
const source = join(import.meta.dirname, '../../src/kernel/code-cache.ts');
writeFileSync(
  file,
  "const { basename } = require('node:path');\nexports.square = (x) => x * x;\nexports.name = basename(__filename);\n",
);
const require = createRequire(import.meta.url);

/** In a process of its own: within one, V8 remembers what it compiled. */
const loadAndKeep = (): void => {
  const program = `
    const { loadWithCode } = await import(${JSON.stringify(pathToFileURL(source).href)});
    const require = createRequire(import.meta.url);
    const loaded = loadWithCode(require, ${JSON.stringify(file)}, ${JSON.stringify(cache)});
    assert.deepEqual([loaded.exports.square(3), loaded.exports.name], [9, 'module.cjs']);
    assert.equal(require(${JSON.stringify(file)}), loaded.exports, 'whoever requires it has the same module');
    await loaded.keep();`;
  const imports = "import assert from 'node:assert/strict';\nimport { createRequire } from 'node:module';\n";
  execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', imports + program]);
};
const kept = (): string[] => readdirSync(cache);

test('a module is loaded as require does, its code is kept once and used', () => {
  loadAndKeep();
  const [name] = kept();
  const before = readFileSync(join(cache, name!));
  utimesSync(join(cache, name!), 1, 1);
  loadAndKeep();
  assert.deepEqual(kept(), [name]);
  assert.deepEqual(readFileSync(join(cache, name!)), before);
  assert.equal(statSync(join(cache, name!)).mtimeMs, 1000, 'what is good is not written again');
});

test('code that is broken is replaced; that of an older file goes', () => {
  const [name] = kept();
  writeFileSync(join(cache, name!), 'no code');
  loadAndKeep();
  assert.ok(readFileSync(join(cache, name!)).length > 100);
  utimesSync(file, new Date(), new Date(Date.now() + 5000));
  loadAndKeep();
  assert.equal(kept().length, 1);
  assert.notEqual(kept()[0], name);
});

test('a folder that can not be made is no error', async () => {
  const blocked = join(folder, 'file');
  writeFileSync(blocked, '');
  await loadWithCode(require, file, join(blocked, 'cache')).keep();
});
