import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { readRecord, writeRecord } from '../../src/results/record.js';
import { exampleRecord } from '../figures/example-record.js';
import { temporaryFolder } from '../temporary.js';

test('a result is read as it was written', async (t) => {
  const folder = temporaryFolder(t);
  const record = exampleRecord({ attacks: { clean: { correct: 1, total: 2, interval: [0.1, 0.9] } } });
  const file = join(folder, 'new', 'example.json');
  await writeRecord(file, record);
  assert.deepEqual(await readRecord(file), record);
  assert.deepEqual(await readdir(join(folder, 'new')), ['example.json']);
});

test('what is no result is refused, and the file named', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'result.json');
  const cases = ['', '{}', '[1]', JSON.stringify({ ...exampleRecord({}), attacks: { clean: { correct: 1 } } })];
  for (const text of cases) {
    await writeFile(file, text);
    await assert.rejects(
      readRecord(file),
      (error: unknown) => error instanceof UserError && error.message.startsWith(file),
    );
  }
  await assert.rejects(readRecord(join(folder, 'absent.json')), UserError);
});
