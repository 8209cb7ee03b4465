import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultPlaces } from '../../src/experiments/places.js';
import { resultsReadme } from '../../src/experiments/readme.js';
import { temporaryFolder } from '../temporary.js';

test('the page of verdicts is that of the records that are committed', async () => {
  const places = defaultPlaces();
  const written = readFileSync(join(places.results, 'README.md'), 'utf8');
  for (const [, path] of written.matchAll(/\]\(([^)]+)\)/g)) assert.ok(existsSync(join(places.results, path!)), path);
  assert.match(written, /\]\(students\/synthetic-quick\/table\.md\)/);
  assert.equal(written, await resultsReadme(places), '"npx ciard claims --write" writes it anew');
});

test('without records the page says how to read it, and of no scale anything', async () => {
  const page = await resultsReadme({ results: temporaryFolder(), runs: temporaryFolder() });
  assert.match(page, /^# Results\n/);
  assert.doesNotMatch(page, /^## /m);
});
