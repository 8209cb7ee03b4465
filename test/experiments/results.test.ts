import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { compareWithRecords, describeComparisons } from '../../src/experiments/compare-records.js';
import { precisions } from '../../src/engine/precision.js';
import { allGrids, findGrid } from '../../src/experiments/grids.js';
import { defaultPlaces, recordsFolder } from '../../src/experiments/places.js';
import { resultTable, tableFolder } from '../../src/experiments/render.js';
import { costRatio, resultRows, rowsOnRecord, type ResultRow } from '../../src/experiments/results.js';
import { scaleNames } from '../../src/experiments/scale-names.js';
import { scales } from '../../src/experiments/scale.js';
import { settingOf } from '../../src/experiments/setting.js';
import { renderTable } from '../../src/experiments/table.js';
import { unitsOf } from '../../src/experiments/units.js';
import { readCellRecord, writeCellRecord } from '../../src/results/cell-record.js';
import { markdownOfTable } from '../../src/tables/markdown.js';
import { temporaryFolder } from '../temporary.js';

const committed = defaultPlaces();
const grid = findGrid('students');

/** A folder of results with the committed records, where a table can be written. */
const placesWithRecords = () => {
  const places = { results: temporaryFolder(), runs: temporaryFolder() };
  for (const name of readdirSync(committed.results, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const to = recordsFolder(places, name.name);
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(recordsFolder(committed, name.name), to);
  }
  return places;
};

test('a table of one replicate is returned as asked, and written with all that have records', async () => {
  const places = placesWithRecords();
  const { rows, file } = await renderTable(grid, await settingOf('quick', { replicates: 1 }), places);
  assert.ok(rows.every(({ n, values }) => n === 1 && Object.values(values).every(({ sd }) => sd === null)));
  for (const name of ['table.md', 'table.csv', 'table.tex', 'table.html']) {
    const written = readFileSync(join(dirname(file), name), 'utf8');
    assert.equal(written, readFileSync(join(committed.results, 'students', 'synthetic-quick', name), 'utf8'), name);
  }
});

test('a pilot has a replicate of its own, and is shown all the same', async () => {
  for (const [name, setting] of [
    ['rates', await settingOf('quick', { replicates: 1 })],
    ['recipes', await settingOf('lite')],
  ] as const) {
    const pilot = findGrid(name);
    const { rows, shown, file } = await renderTable(pilot, setting, placesWithRecords());
    assert.deepEqual(
      rows.map(({ method }) => method),
      [...new Set(pilot.rows(setting).map(({ method }) => method))],
    );
    assert.ok(rows.every(({ values }) => values['held-out-robust'] !== undefined));
    assert.equal(shown.rows.length, rows.length);
    assert.match(readFileSync(file, 'utf8'), /PGD, held out/);
  }
});

test('replicates beyond those of the scale count where they have records, and are not missed where they have none', async () => {
  const setting = await settingOf('quick');
  const few = { ...setting, replicates: [0], scale: { ...setting.scale, replicates: 1 } };
  const all = await rowsOnRecord(grid, setting, committed);
  const key = ({ method, replicate, student }: (typeof all)[number]) => `${student} ${method} ${String(replicate)}`;
  assert.deepEqual((await rowsOnRecord(grid, few, committed)).map(key).sort(), all.map(key).sort());
  assert.equal(Math.max(...all.map(({ replicate }) => replicate)), 2);
});

test('what was measured anew is compared image by image with what is on record', async () => {
  const units = unitsOf(grid, await settingOf('quick', { replicates: 1 }));
  const [unit] = units.filter(({ name }) => name.includes('pgd-at'));
  const cells = unit!.cells.filter(({ cell }) => cell.kind === 'evaluate').slice(0, 2);
  const again = { results: temporaryFolder(), runs: temporaryFolder() };
  const other = { results: temporaryFolder(), runs: temporaryFolder() };
  for (const [i, { id }] of cells.entries()) {
    const record = await readCellRecord(join(recordsFolder(committed, 'students'), `${id}.json`));
    await writeCellRecord(join(recordsFolder(again, 'students'), `${id}.json`), record);
    // Of the first one image ends otherwise; the second has no counterpart.
    if (i > 0) continue;
    const outcome = Buffer.from(record.evaluation!.outcome, 'base64');
    outcome[0]! ^= 4;
    const correct = record.evaluation!.correct + (outcome[0]! & 4 ? 1 : -1);
    const evaluation = { ...record.evaluation!, correct, outcome: outcome.toString('base64') };
    await writeCellRecord(join(recordsFolder(other, 'students'), `${id}.json`), { ...record, evaluation });
  }
  const equal = await compareWithRecords([{ ...unit!, cells }], again, committed);
  assert.deepEqual(
    equal.evaluations.map(({ different }) => different),
    [0, 0],
  );
  assert.match(describeComparisons('evaluations', equal), /^2 evaluations: 2 end as on record, image by image\.$/);
  const differing = await compareWithRecords([{ ...unit!, cells }], again, other);
  assert.deepEqual(
    differing.evaluations.map(({ different }) => different),
    [1, null],
  );
  assert.match(
    describeComparisons('evaluations', differing),
    /0 end as on record, image by image, 1 do not, of 1 there was no record\.\n {2}\S+: 1 of 500 images are answered otherwise$/,
  );
  // Another processor is a reason to differ, and none where nothing differs.
  const { processors } = equal;
  assert.deepEqual(processors.here, processors.onRecord);
  const elsewhere = { here: processors.here, onRecord: ['Another Processor', ...processors.onRecord] };
  assert.match(
    describeComparisons('evaluations', { ...differing, processors: elsewhere }),
    /otherwise\nThe records are of Another Processor and .+, these of .+: trainings are known to repeat bit by bit on one kind of processor only\.$/,
  );
  assert.doesNotMatch(describeComparisons('evaluations', { ...equal, processors: elsewhere }), /Processor/);
});

test('costs are compared on one processor alone', async () => {
  const rows = await rowsOnRecord(grid, await settingOf('quick'), committed);
  const record = rows[0]!.training!;
  const twice = { ...record, cost: { ...record.cost, processor: 2 * record.cost.processor } };
  assert.equal(costRatio(twice, record), 2);
  assert.equal(costRatio(record, undefined), undefined);
  const elsewhere = { ...twice, environment: { ...record.environment, cpu: 'another' } };
  assert.equal(costRatio(elsewhere, record), undefined);
  const { environment } = record;
  const tensorflow = { ...environment.tensorflow, threads: environment.tensorflow.threads + 1 };
  const threads = { ...twice, environment: { ...environment, tensorflow } };
  assert.equal(costRatio(threads, record), undefined);
  const cost = findGrid('cost');
  const setting = await settingOf('quick');
  const notesFor = (cpus: readonly string[]): string => {
    const some = rows.slice(0, 2).map((row, i) => ({
      ...row,
      training: { ...record, id: String(i), environment: { ...record.environment, cpu: cpus[i]! } },
    }));
    return resultTable(cost, setting, resultRows(cost, setting, some), some).notes!.join(' ');
  };
  assert.match(notesFor(['one', 'another']), /2 kinds of processor \(another, one\)/);
  assert.doesNotMatch(notesFor(['one', 'one']), /kinds of processor/);
});

test('the gap of generalisation is taken within each replicate, and training images are no result of the test set', async () => {
  const setting = await settingOf('lite', { replicates: 2 });
  const gaps = findGrid('generalisation');
  const [record] = (await rowsOnRecord(grid, await settingOf('quick'), committed)).map(
    ({ measured }) => measured['clean']!,
  );
  const right = (correct: number) => ({ ...record!, evaluation: { ...record!.evaluation!, correct, total: 500 } });
  const rows = gaps
    .rows(setting)
    .filter(({ method }) => method === 'pgd-at')
    .map((row, i) => ({
      ...row,
      training: undefined,
      measured: {
        'training-clean': right(400 + 10 * i),
        clean: right(350),
        'training-pgd-sat': right(200),
        // Of the second replicate the test images are not done yet.
        ...(i === 0 ? { 'pgd-sat': right(190) } : {}),
      },
    }));
  assert.equal(rows.length, 2);
  const [{ values }] = resultRows(gaps, setting, rows) as [ResultRow];
  const means = Object.fromEntries(Object.entries(values).map(([name, { mean, n }]) => [name, [mean, n]]));
  assert.deepEqual(means, {
    'training-clean': [81, 2],
    'test-clean': [70, 2],
    'gap-clean': [11, 2],
    'training-robust': [40, 2],
    'test-robust': [38, 1],
    'gap-robust': [2, 1],
  });
});

test('every table that is committed is what its records say', async () => {
  let compared = 0;
  for (const scale of scaleNames) {
    for (const data of scales[scale].datasets) {
      for (const precision of precisions) {
        const setting = await settingOf(scale, { data, precision });
        for (const table of allGrids) {
          const file = join(tableFolder(table, setting, committed), 'table.md');
          if (!existsSync(file)) continue;
          const all = await rowsOnRecord(table, setting, committed);
          const { columns, rows, notes } = resultTable(table, setting, resultRows(table, setting, all), all);
          const text = markdownOfTable({ columns, rows, notes: notes ?? [] });
          assert.ok(readFileSync(file, 'utf8').includes(`\n\n${table.question}\n\n${text}\n`), file);
          compared++;
        }
      }
    }
  }
  assert.ok(compared > 10, `${compared} tables`);
});
