import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../src/setup/places.mjs';
import { runCommandLines } from './command-lines.js';
import type { TrainingRun } from '../../src/training/train.js';

const folder = await mkdtemp(join(tmpdir(), 'ciard-cli-train-'));
after(() => rm(folder, { recursive: true, force: true }));

const lineOf = (flags: string): string[] =>
  `train --arch cifar-resnet-8 --data synthetic --epochs 1 --batch 32 --train-images 64 ${flags}`.split(' ');
const train = (flags: string) =>
  execa(process.execPath, [join(repositoryRoot, 'bin', 'ciard.mjs'), ...lineOf(flags)], { cwd: folder, reject: false });
const small = '--width 0.25 --validation-images 20';

test('--json prints the run to standard output, and its warnings elsewhere', async () => {
  const { exitCode, stdout, stderr } = await train(`--method natural --out clean --json ${small}`);
  assert.equal(exitCode, 0, stderr);
  const run = JSON.parse(stdout) as TrainingRun;
  assert.equal(run.history.length, 1);
  assert.equal(run.identity.data.trainImages, 64);
  assert.equal(run.bestFile, join('clean', 'best.safetensors'));
});

test('flags that contradict each other, or mean nothing to the method, are errors before any work', async () => {
  await writeFile(join(folder, 'file'), '');
  await writeFile(join(folder, 'typo.json'), '{"settings": {"warmup": 0.1}}');
  const cases = [
    [
      '--method natural --robust-teacher x --out o',
      /--robust-teacher means nothing to natural, which has no robust teacher/,
    ],
    ['--method rslad --clean-teacher x --out o', /--clean-teacher means nothing to rslad/],
    ['--method natural --attack-steps 2 --out o', /--attack-steps means nothing to natural, which attacks no images/],
    ['--method iad --recipe typo.json --out o', /--recipe typo\.json: .*there is no warmup: known are warmUp, beta/s],
    ['--method natural --out file', /file can't be written: a file lies where a folder should/],
    ['--method natural --out /proc/o', /\/proc\/o can't be (made|written)/],
    [`--method natural --init clean/best.safetensors --width 0.5 --out o`, /of width 0\.25, but --width asks for 0\.5/],
    ['--method natural --init clean/best.safetensors --arch resnet18 --out o', /holds a cifar-resnet-8, but --arch/],
    ['--method rslad --out o', /rslad needs a robust teacher/],
  ] as const;
  const outcomes = await runCommandLines(
    cases.map(([line]) => lineOf(line)),
    folder,
  );
  for (const [i, { exitCode, stderr, stdout }] of outcomes.entries()) {
    const [line, message] = cases[i]!;
    assert.equal(exitCode, 2, `${line}: ${stderr}`);
    assert.match(stderr, message, line);
    assert.ok(!/\n\s+at /.test(stderr), `${line}: a stack trace`);
    assert.equal(stdout, '');
  }
  assert.ok(!existsSync(join(folder, 'o')));
});

test('--init without --width takes the width that is there; a teacher of other data is told of', async () => {
  const again = await train('--method natural --init clean/best.safetensors --validation-images 20 --out again --json');
  assert.equal(again.exitCode, 0, again.stderr);
  assert.equal((JSON.parse(again.stdout) as TrainingRun).identity.student.width, 0.25);
  assert.ok(!again.stderr.includes('warning'));
});
