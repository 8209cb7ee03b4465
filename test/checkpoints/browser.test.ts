import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, nodeImportsOf } from '../imports.js';

const checkpoints = new URL('../../src/checkpoints/', import.meta.url);

for (const file of ['safetensors-format.ts', 'checkpoint-format.ts', 'network-checkpoint.ts'])
  test(`${file} runs in a browser: nothing that it loads is Node's`, () => {
    assert.deepEqual(nodeImportsOf(new URL(file, checkpoints)), []);
  });

test("this very check sees a built-in: safetensors.ts's", () => {
  assert.ok(importsOf(new URL('safetensors.ts', checkpoints)).has('node:fs/promises'));
});
