import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { autoAttackCases } from '../../bench/autoattack-cases.js';
import { agree, autoAttackLines, autoAttackRow, type AutoAttackRow } from '../../bench/autoattack-report.js';
import type { AutoAttackRun } from '../../bench/autoattack.js';
import { dataRoot } from '../../src/data/location.js';
import { needsShared, sharedPath } from '../shared.js';

/** A run of 100 images whose stages leave `correct` and take the given seconds each. */
const runOf = (correct: readonly number[], seconds: number, othersShare = 0): AutoAttackRun => ({
  stages: ['clean', 'apgd-ce', 'apgd-t', 'fab-t', 'square'].map((name, i) => ({
    name,
    correct: correct[i]!,
    seconds,
    processorSeconds: 2 * seconds,
  })),
  seconds: 5 * seconds,
  processorSeconds: 10 * seconds,
  pausedSeconds: 0,
  outcome: Array.from({ length: 100 }, (_, i) => (i < correct.at(-1)! ? 1 : 0)),
  warnings: [],
  othersShare,
});

test('AutoAttack: outcomes agree within 2 images after each stage and 1 in the end; clean images are the same', () => {
  const reference = runOf([90, 60, 55, 55, 55], 10);
  for (const [correct, expected] of [
    [[90, 60, 55, 55, 55], true],
    [[90, 62, 53, 57, 54], true],
    [[90, 63, 55, 55, 55], false],
    [[90, 60, 55, 55, 57], false],
    [[89, 60, 55, 55, 55], false],
  ] as const) {
    assert.equal(agree(runOf(correct, 1), reference), expected, correct.join());
  }
});

test('AutoAttack: a row has the ratio of the whole, and its lines say what it is to be and what disturbed it', () => {
  const each = autoAttackCases[0]!;
  const reference = runOf([90, 60, 55, 55, 55], 10);
  const row = autoAttackRow(each, 256, runOf([90, 60, 55, 55, 54], 7), reference);
  assert.deepEqual([row.ratio, row.agrees, row.differing, row.images], [0.7, true, 1, 100]);
  const lines = autoAttackLines(row).split('\n');
  assert.match(lines[0]!, /^autoattack\/vnncomp-resnet4b\/100 +ours +s +reference +s +ratio$/);
  assert.match(lines[6]!, /^square +54 +7\.0 +55 +10\.0 +0\.70$/);
  assert.match(lines[7]!, /^whole +54 +35\.0 +55 +50\.0 +0\.70$/);
  assert.match(lines[8]!, /0\.70 of the reference's time, 0\.80 at most; the outcomes agree .*1 of 100 images/);
  assert.equal(lines.length, 9);

  const slow = autoAttackLines(autoAttackRow(each, 256, runOf([90, 60, 50, 50, 50], 9, 0.3), reference));
  assert.match(slow, /at most: over; the outcomes DIFFER/);
  assert.match(slow, /ours: other processes took 30 % of the machine/);

  const alone = autoAttackRow(each, 256, runOf([90, 60, 55, 55, 54], 7), undefined);
  assert.deepEqual([alone.reference, alone.ratio, alone.agrees, alone.differing], [null, null, null, null]);
  assert.equal(autoAttackLines(alone).split('\n').length, 8);
});

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));
const bench = (...flags: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', main, ...flags], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });

test('AutoAttack: a copy that is none, or no Python for it, ends with code 2; without networks cases are left out', async () => {
  for (const [flags, message] of [
    [['--auto-attack', tmpdir()], /without --python/],
    [['--auto-attack', tmpdir(), '--python', 'python3'], /no copy of github\.com\/fra31\/auto-attack/],
  ] as const) {
    const { code, stderr } = await bench(...flags);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
  const { code, stdout, stderr } = await bench('--only', 'autoattack', '--checkpoints', tmpdir());
  assert.equal(code, 0, stderr);
  for (const { network, checkpoint } of autoAttackCases) {
    assert.ok(stdout.includes(`autoattack/${network}/256: left out, there is no ${checkpoint}`), stdout);
  }
});

const needsNetworks =
  needsShared('checkpoints', 'vnncomp2021-resnet4b.pth') ||
  (existsSync(join(dataRoot(), 'cifar10', 'test.bin')) ? false : 'needs the data set cifar10');
const python = process.env['CIARD_TORCH_PYTHON'];
const copy = process.env['CIARD_AUTO_ATTACK'];

const trial = async (...flags: string[]): Promise<AutoAttackRow> => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const file = join(folder, 'bench.json');
    const { code, stdout, stderr } = await bench(
      ...['--only', 'autoattack/vnncomp', '--trial', '--out', file, '--checkpoints', sharedPath('checkpoints')],
      ...flags,
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /a trial; its times and outcomes say nothing/);
    const text = readFileSync(file, 'utf8');
    assert.ok(!text.includes(sharedPath()) && !text.includes(tmpdir()), 'no path of this machine');
    return (JSON.parse(text) as { autoattack: AutoAttackRow[] }).autoattack[0]!;
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test('AutoAttack: a trial of our side alone', { skip: needsNetworks }, async () => {
  const { ours, reference, images } = await trial();
  assert.equal(reference, null);
  assert.equal(images, 16);
  assert.deepEqual(
    ours.stages.map(({ name }) => name),
    ['clean', 'apgd-ce', 'apgd-t', 'fab-t', 'square'],
  );
  assert.equal(ours.stages.at(-1)!.correct, ours.outcome.filter((right) => right === 1).length);
  const parts = ours.stages.reduce((sum, { seconds }) => sum + seconds, 0);
  assert.ok(parts > 0.9 * ours.seconds && parts <= ours.seconds);
});

test(
  'AutoAttack: a trial beside the reference implementation',
  {
    skip:
      python === undefined || copy === undefined
        ? 'needs a Python with torch and a copy of auto-attack (CIARD_TORCH_PYTHON, CIARD_AUTO_ATTACK)'
        : needsNetworks,
  },
  async () => {
    const { ours, reference, ratio } = await trial('--python', python!, '--auto-attack', copy!);
    assert.deepEqual(
      reference!.stages.map(({ name }) => name),
      ours.stages.map(({ name }) => name),
    );
    assert.equal(reference!.stages[0]!.correct, ours.stages[0]!.correct);
    assert.equal(ratio, ours.seconds / reference!.seconds);
    assert.equal(reference!.outcome.length, 16);
  },
);
