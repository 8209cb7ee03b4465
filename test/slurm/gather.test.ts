import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { grids } from '../../src/experiments/paper-grids.js';
import { settingOf } from '../../src/experiments/setting.js';
import { gather } from '../../src/slurm/gather.js';
import { temporaryFolder } from '../temporary.js';

test('tables are written of what was measured, and of nothing else', async () => {
  const folder = temporaryFolder();
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  // Natural students are in some tables, and in no ablation.
  const committed = join('results', 'students', 'records');
  await cp(committed, join(places.results, 'students', 'records'), {
    recursive: true,
    filter: async (path) =>
      path === committed || (await readFile(path, 'utf8')).includes('"name": "synthetic-quick/natural-'),
  });
  const setting = await settingOf('quick', { data: 'synthetic' });
  const found = await gather(grids, setting, { places, dvc: false });
  const names = found.map(({ grid }) => grid);
  assert.ok(names.includes('students') && names.length < grids.length, names.join());
  const written = await readdir(places.results, { recursive: true });
  const tables = written.filter((path) => path.endsWith('table.md')).map((path) => path.split('/')[0]!);
  assert.deepEqual(tables.sort(), [...names].sort());
});
