import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findTools } from '../../src/setup/prerequisites.mjs';
import { temporaryFolder } from '../temporary.js';

/** What is found where the path holds a compiler and these Pythons alone, each named by its version. */
const pythonOf = (t: TestContext, versions: Record<string, string>): string => {
  const folder = temporaryFolder(t);
  const before = process.env['PATH'];
  const write = (name: string, script: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  write('g++', 'true');
  write('npm', 'echo 11');
  for (const [name, version] of Object.entries(versions)) {
    const answer = { version: version.split('.').map(Number), executable: version, venv: true };
    write(name, `echo '${JSON.stringify(answer)}'`);
  }
  process.env['PATH'] = folder;
  try {
    return findTools({ root: folder, device: 'cpu', fresh: false }).python;
  } finally {
    process.env['PATH'] = before;
  }
};

test('the first Python that the lock is made for is taken; a newer one where there is no other', (t) => {
  assert.equal(pythonOf(t, { python3: '3.10', 'python3.12': '3.12' }), '3.10');
  assert.equal(pythonOf(t, { python3: '3.9', 'python3.12': '3.12' }), '3.12');
  assert.equal(pythonOf(t, { python3: '3.15', 'python3.13': '3.13' }), '3.13');
  assert.equal(pythonOf(t, { python3: '3.15' }), '3.15');
  assert.equal(pythonOf(t, { python: '3.11' }), '3.11');
  assert.throws(() => pythonOf(t, { python3: '2.7' }), /python3 is Python 2\.7; ciard needs Python 3\.10 or newer/);
});
