import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeImportsOf } from '../imports.js';

const source = new URL('../../src/', import.meta.url);

// What a page needs to attack a network: the network, the losses, the steps, the start, and the outcomes to compare with.
for (const file of [
  'models/network.ts',
  'attacks/attack-losses.ts',
  'attacks/sign-step.ts',
  'attacks/threat-model.ts',
  'evaluation/outcome-bits.ts',
  'evaluation/accuracy.ts',
]) {
  test(`${file} runs in a browser: nothing that it loads is Node's`, () => {
    assert.deepEqual(nodeImportsOf(new URL(file, source)), []);
  });
}

test('this very check sees what a file imports for its effect alone', () => {
  assert.ok(nodeImportsOf(new URL('index.ts', source)).includes('node:module'));
});
