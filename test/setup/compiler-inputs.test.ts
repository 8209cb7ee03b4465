import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sharedInputs } from '../../src/setup/compiler-inputs.mjs';
import { importsOf, parse, resolveImport } from '../import-graph.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the pictures of the compiler are made anew when any of its files changes', () => {
  const folder = join(root, 'src', 'kernel', 'compiler');
  const waiting = readdirSync(folder).map((name) => join(folder, name));
  const seen = new Set<string>();
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const { specifier } of importsOf(parse(file))) {
      const target = resolveImport(specifier, file);
      if (target !== undefined) waiting.push(target);
    }
  }
  const outside = [...seen].filter((file) => !file.startsWith(folder)).map((file) => relative(root, file));
  assert.deepEqual(outside.sort(), [...sharedInputs].sort());
});
