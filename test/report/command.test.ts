import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../src/data/location.js';
import { temporaryFolder } from '../temporary.js';
import { generateRecords } from './generate.js';

const report = (...flags: string[]) =>
  execa(process.execPath, [join(repositoryRoot(), 'bin', 'ciard.mjs'), 'report', ...flags], { reject: false });

test('the command writes the page and says what is in it', async () => {
  const folder = temporaryFolder();
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  await generateRecords(places, 6);
  const out = join(folder, 'a report');
  const flags = ['--results', places.results, '--runs', places.runs, '--out', out, '--json'];
  const { stdout, exitCode } = await report(...flags);
  assert.equal(exitCode, 0);
  const { file, bytes, runs } = JSON.parse(stdout) as { file: string; bytes: number; runs: number };
  assert.equal(file, join(out, 'index.html'));
  assert.equal(runs, 6);
  const html = readFileSync(file, 'utf8');
  assert.equal(Buffer.byteLength(html), bytes);
  // One page, five scripts, and nothing that is fetched.
  assert.equal(html.match(/<\/script>/g)?.length, 5);
  // Runs and a figure stand in it before them.
  const [before] = html.split('<script') as [string];
  assert.match(before, /<table/);
  assert.match(before, /data-figure="clean-robust"[^>]*><svg/);
  assert.doesNotMatch(html.slice(0, 2000), /src=|href="(?!data:)/);
});

test('without records, or with nowhere to write, it says so and writes nothing', async () => {
  const folder = temporaryFolder();
  const out = join(folder, 'out');
  const empty = await report('--results', folder, '--out', out);
  assert.equal(empty.exitCode, 2);
  assert.match(empty.stderr, /there are no records in .*npx ciard table students/);
  assert.ok(!existsSync(out));
  const nowhere = await report('--out', '/proc/nowhere');
  assert.equal(nowhere.exitCode, 2);
  assert.match(nowhere.stderr, /\/proc/);
});
