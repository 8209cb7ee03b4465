import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { defaultPlaces } from '../../src/experiments/places.js';
import { collectReport } from '../../src/report/collect.js';
import {
  ablationsOf,
  differingSettings,
  filterRuns,
  groupMean,
  groupMeasured,
  groupRuns,
  resultOf,
  searchGroups,
  settingKey,
  shortKey,
} from '../../src/report/page/groups.js';
import { formatHash, pageState, parseHash } from '../../src/report/page/state.js';
import { readCellRecord, writeCellRecord } from '../../src/results/cell-record.js';
import { cellId, type Cell } from '../../src/results/cell.js';
import { temporaryFolder } from '../temporary.js';
import { generateRecords } from './generate.js';

const count = 36;
const folder = temporaryFolder();
const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
const names = await generateRecords(places, count);
const data = await collectReport(places, new Date('2026-01-02T03:04:05Z'));

test('every record is in the report, by the network that it is of', () => {
  assert.deepEqual(data.runs.map(({ name }) => name).sort(), [...names].sort());
  for (const run of data.runs) {
    assert.deepEqual(Object.keys(run.evaluations).sort(), ['clean', 'cw', 'fgsm', 'pgd-sat']);
    assert.equal(run.evaluations['clean']!.total, 500);
    assert.match(run.evaluations['clean']!.record, /^students\/records\/[0-9a-f]{64}\.json$/);
    assert.match(run.checkpoint ?? '', /^[0-9a-f]{64}$/);
    assert.equal(run.training?.command, `npx ciard cell run ${run.id.slice(0, 12)}`);
    assert.equal(run.scale, 'quick');
  }
  assert.equal(data.made, '2026-01-02T03:04Z');
  assert.deepEqual(
    data.attacks.map(({ name }) => name),
    ['clean', 'fgsm', 'pgd-sat', 'cw'],
  );
});

test('accuracy on training images is no result of the test set', async () => {
  const [run] = data.runs;
  const { record } = run!.evaluations['clean']!;
  const known = await readCellRecord(join(places.results, record));
  assert.equal(known.cell.kind, 'evaluate');
  const cell: Cell = { ...known.cell, data: { ...known.cell.data, part: 'train' } };
  const more = { results: temporaryFolder(), runs: places.runs };
  cpSync(places.results, more.results, { recursive: true });
  const id = cellId(cell);
  await writeCellRecord(join(more.results, 'generalisation', 'records', `${id}.json`), { ...known, id, cell });
  rmSync(join(more.results, record));
  const { runs } = await collectReport(more);
  const others = Object.entries(run!.evaluations).filter(([attack]) => attack !== 'clean');
  assert.deepEqual(runs.find(({ key }) => key === run!.key)!.evaluations, Object.fromEntries(others));
});

test('every claim has its verdict, and published points come without those that are suspect', () => {
  assert.equal(data.verdicts.length, 10);
  assert.ok(data.published.length > 10);
  for (const { values } of data.published)
    assert.ok(Object.values(values).every((value) => value >= 0 && value <= 100));
});

test('groups are what differs in the seed alone; their means hold every run', () => {
  const groups = groupRuns(data.runs);
  assert.equal(groups.length, count / 3);
  for (const group of groups) {
    assert.deepEqual(
      group.runs.map(({ seed }) => seed),
      [0, 1, 2],
    );
    const mean = groupMean(group, 'clean')!;
    const own = group.runs.map((run) => resultOf(run, 'clean')!);
    assert.ok(Math.abs(mean.mean - (own[0]! + own[1]! + own[2]!) / 3) < 1e-12);
    assert.equal(mean.n, 3);
    assert.ok(groupMeasured(group, 'clean')!.interval![1] <= 1);
  }
  const single = groupRuns(data.runs.filter(({ seed }) => seed === 1));
  const [first] = single;
  assert.deepEqual(groupMeasured(first!, 'clean')!.interval, first!.first.evaluations['clean']!.interval);
});

test('only the settings that differ are told, and runs are found by them', () => {
  const natural = filterRuns(data.runs, { methods: ['natural'] });
  assert.ok(natural.length >= 3);
  assert.deepEqual(differingSettings(natural), natural.length > 3 ? ['epochs'] : []);
  assert.ok(differingSettings(data.runs).includes('epochs'));
  const later = filterRuns(data.runs, { where: ['epochs=13'] });
  assert.ok(later.length > 0 && later.every(({ settings }) => settings['epochs'] === 13));
  assert.deepEqual(filterRuns(data.runs, { where: ['epochs=99'] }), []);
});

test('what is looked for leaves groups whole', () => {
  const groups = groupRuns(data.runs);
  const found = searchGroups(groups, 'ciard epochs=12');
  assert.ok(found.length > 0 && found.every(({ first }) => first.name.includes('ciard')));
  const several = groups.find(({ runs }) => runs.length > 1)!;
  // The name of one replicate.
  const [same] = searchGroups(groups, several.runs[1]!.name);
  assert.equal(same, several);
  assert.deepEqual(searchGroups(groups, 'no-such-thing'), []);
});

test('a pilot is no replicate of what it chose the settings for', () => {
  const [run] = data.runs;
  const pilot = { ...run!, key: 'pilot', id: 'e'.repeat(64), seed: 100, isPilot: true };
  const renamed = { ...run!, key: 'other', id: 'd'.repeat(64), seed: 7, variant: 'by another name' };
  const groups = groupRuns([run!, pilot, renamed]);
  assert.deepEqual(
    groups.map(({ title, runs }) => [title, runs.length]),
    [
      [run!.title, 2],
      [`${run!.title}, pilot`, 1],
    ],
  );
  // The student and its teacher are two runs of one training.
  assert.notEqual(shortKey(run!), shortKey({ ...run!, of: 'robust teacher' }));
});

test('groups of one name are told apart by their settings', () => {
  const [run] = data.runs;
  const other = { ...run!, key: 'other', id: 'f'.repeat(64), settings: { ...run!.settings, epochs: 99 } };
  assert.deepEqual(
    groupRuns([run!, other]).map(({ title }) => title),
    [`${run!.title}, epochs ${String(run!.settings['epochs'])}`, `${run!.title}, epochs 99`],
  );
});

test('an ablation holds everything but its setting', () => {
  const ablations = ablationsOf(groupRuns(data.runs), 'epochs');
  assert.ok(ablations.length > 0);
  for (const { groups } of ablations) {
    assert.equal(new Set(groups.map(({ first }) => first.method)).size, 1);
    assert.deepEqual(differingSettings(groups.flatMap(({ runs }) => runs)), ['epochs']);
  }
  assert.deepEqual(ablationsOf(groupRuns(data.runs), 'method'), []);
});

test('ablations of one method are told apart by what they hold', async () => {
  const { runs } = await collectReport(defaultPlaces(), new Date());
  for (const key of new Set(runs.map(settingKey))) {
    const groups = groupRuns(runs.filter((run) => settingKey(run) === key));
    for (const setting of new Set(groups.flatMap(({ first }) => Object.keys(first.settings)))) {
      const titles = ablationsOf(groups, setting).map(({ title }) => title);
      assert.equal(new Set(titles).size, titles.length, `${key}, ${setting}: ${titles.join(' | ')}`);
    }
  }
});

test('the state goes into the address and comes back', () => {
  const values = { search: 'a b&c', hidden: 'x~y', theme: 'dark' };
  assert.deepEqual(parseHash(formatHash(values)), values);
  assert.equal(formatHash({ search: '' }), '');
  let changed: Readonly<Record<string, string>> = {};
  pageState(values, (next) => (changed = next)).set({ search: '', table: 'all' });
  assert.deepEqual(changed, { hidden: 'x~y', theme: 'dark', table: 'all' });
  const state = pageState(values, (next) => (changed = next));
  assert.deepEqual(state.list('hidden'), ['x', 'y']);
  // Nothing chosen is something else than nothing said.
  assert.deepEqual(state.chosen('results', ['clean', 'fgsm'], ['clean']), ['clean']);
  state.choose('results', []);
  const none = pageState(parseHash(formatHash(changed)), () => undefined);
  assert.deepEqual(none.chosen('results', ['clean', 'fgsm'], ['clean']), []);
  // What an old link says of what is no more is as if it were not said.
  assert.deepEqual(state.chosen('hidden', ['z'], ['z']), ['z']);
  assert.equal(state.oneOf('hidden', ['a', 'b'], 'b'), 'b');
});

test('no records, or a damaged one, is an error that says what to do', async () => {
  const empty = { results: join(folder, 'nothing'), runs: folder };
  await assert.rejects(
    collectReport(empty),
    (error) => error instanceof UserError && error.message.includes('npx ciard table students'),
  );
  const damaged = { results: join(folder, 'damaged'), runs: folder };
  await generateRecords(damaged, 1);
  const records = join(damaged.results, 'students', 'records');
  writeFileSync(join(records, readdirSync(records)[0]!), '{');
  await assert.rejects(collectReport(damaged), UserError);
});
