import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareMethods, verdicts } from '../../src/experiments/claims.js';
import { findGrid } from '../../src/experiments/grids.js';
import { findingText } from '../../src/experiments/finding.js';
import { defaultPlaces, placesIn, recordsFolder } from '../../src/experiments/places.js';
import { rowsOnRecord } from '../../src/experiments/results.js';
import { settingOf } from '../../src/experiments/setting.js';
import { writeCellRecord } from '../../src/results/cell-record.js';
import { differenceOf } from '../../src/statistics/difference.js';
import { assertClose } from '../oracle.js';
import { temporaryFolder } from '../temporary.js';

const setting = await settingOf('quick');
const found = await verdicts(setting);
const claim = (number: number) => found.find((each) => each.claim === number)!;
const width = ({ interval }: { readonly interval: readonly [number, number] | null }) => interval![1] - interval![0];

test('all comparisons of a claim are corrected together', async () => {
  const rows = await rowsOnRecord(findGrid('students'), setting, defaultPlaces());
  // Two of the sixteen of claim 2, as they are by themselves.
  const alone = compareMethods(rows, 'ciard', 'pgd-at');
  const [clean, robust] = claim(2).comparisons;
  assert.deepEqual([clean!.mean, robust!.mean], [alone[0]!.mean, alone[1]!.mean]);
  assert.ok(width(clean!) > width(alone[0]!) && width(robust!) > width(alone[1]!));
  // The same difference among as many comparisons, of which the least p-value does not hold.
  assert.equal(claim(1).comparisons.length, claim(9).comparisons.length);
  const widest = ({ comparisons }: ReturnType<typeof claim>) =>
    comparisons.find(({ what }) => what.startsWith('ciard − ard, clean'))!;
  assert.ok(Math.abs(width(widest(claim(1))) - width(widest(claim(9)))) < 1e-12);
});

test('a verdict says by which comparison, and a comparison what is asked for', () => {
  for (const { interval, decidedBy, comparisons, verdict } of found) {
    const deciding = comparisons.find(({ what }) => what === decidedBy)!;
    assert.deepEqual(deciding.interval, interval);
    if (verdict !== 'supported') assert.equal(deciding.verdict, verdict);
  }
  assert.deepEqual(
    claim(6).comparisons.map(({ least, side }) => [least, side]),
    [
      [0, 'below'],
      [0, 'above'],
    ],
  );
});

test('what is undecided says how many replicates would do, and what is decided does not', () => {
  for (const { comparisons } of found) {
    for (const { verdict, needed, n, mean, least } of comparisons) {
      if (verdict !== 'undecided') assert.equal(needed, null);
      else if (needed !== null) assert.ok(needed > n);
      // Within the margin, or so little beyond it that a thousand would be too few.
      else assert.ok(Math.abs(mean!) <= least + 0.001 || n < 2, `${mean} of ${least}`);
    }
  }
  // More than a tenth: less than a tenth contradicts it, and not only less than nothing.
  assert.deepEqual([claim(7).comparisons[0]!.least, claim(7).comparisons[0]!.side], [0, 'above']);
});

test('a claim that is measured in part is told by what is measured of it', async () => {
  const places = placesIn(temporaryFolder());
  const wanted = ['pgd-at', 'natural', 'trades'];
  for (const { replicate, method, student, measured } of await rowsOnRecord(
    findGrid('students'),
    setting,
    defaultPlaces(),
  )) {
    if (student !== 'resnet18' || replicate > 0 || !wanted.includes(method)) continue;
    for (const record of Object.values(measured)) {
      await writeCellRecord(join(recordsFolder(places, 'students'), `${record.id}.json`), record);
    }
  }
  const part = await verdicts(setting, places);
  const tenth = part.find((each) => each.claim === 10)!;
  assert.equal(tenth.decidedBy, 'natural − pgd-at, clean');
  assert.match(findingText(tenth), /\(1 replicate\); asked for is .*One replicate has no interval/);
  const second = part.find((each) => each.claim === 2)!;
  assert.ok(second.decidedBy?.startsWith('not both: trades − pgd-at'), second.decidedBy ?? 'nothing');
  assert.match(findingText(second), /Of \d+ comparisons \d+ are not measured\./);
});

test('differences that agree by chance are known to one image, not without deviation', () => {
  const outcome = new Uint8Array(500);
  const series = (...accuracies: number[]) =>
    accuracies.map((accuracy, replicate) => ({ replicate, accuracy, outcome }));
  const difference = differenceOf(series(0.738, 0.81, 0.766), series(0.622, 0.694, 0.65))!;
  assertClose([difference.mean, difference.deviation!], [0.116, 1 / 500], 1e-9, 'mean and deviation');
  assert.ok(difference.interval![1] - difference.interval![0] > 2 / 500);
  assert.ok(difference.pValue! > 0);
  // So are those that are averaged over data sets, and all others.
  for (const { comparisons } of found) {
    for (const comparison of comparisons) assert.ok(width(comparison) > 0, comparison.what);
  }
});

test('of what is not measured no comparison decides', async () => {
  const nothing = await verdicts(setting, { results: 'no-such-folder', runs: 'no-such-folder' });
  assert.ok(nothing.every(({ decidedBy, verdict }) => decidedBy === null && verdict === 'undecided'));
});
