import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../src/setup/places.mjs';
import { installedDevice } from '../../src/setup/tensorflow.mjs';
import { places } from '../../src/setup/places.mjs';
import type { DoctorReport } from '../../src/doctor/report.js';
import { temporaryFolder } from '../temporary.js';

const ciard = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  execa(process.execPath, [join(repositoryRoot, 'bin', 'ciard.mjs'), ...args], { cwd: '/', env, reject: false });

test('ciard doctor --json is the report, from any folder, with nothing on standard error', async () => {
  const { exitCode, stdout, stderr } = await ciard(['doctor', '--json']);
  assert.equal(stderr, '');
  const report = JSON.parse(stdout) as DoctorReport;
  assert.equal(exitCode, report.problems.length > 0 ? 1 : 0);
  assert.equal(report.python, places.pythonExecutable);
  assert.equal(report.kernel, 'ciard');
  assert.equal(report.node, process.versions.node);
});

test(
  'a GPU that is present and not used is a warning with the reason',
  { skip: installedDevice(places) === 'cpu' ? false : 'needs TensorFlow for the CPU' },
  async (t) => {
    // The driver's program alone stands for the GPU; what is tested is what we make of its answer.
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\necho 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-0)'\n`);
    chmodSync(join(folder, 'nvidia-smi'), 0o755);
    const { exitCode, stdout } = await ciard(['doctor'], { PATH: [folder, process.env['PATH']].join(delimiter) });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^device +CPU$/m);
    assert.match(stdout, /^warning +NVIDIA H100 80GB HBM3 is present and not used\. .*--device gpu/m);
  },
);

test('an unknown flag is one error, exit code 2', async () => {
  const { exitCode, stderr } = await ciard(['doctor', '--jason']);
  assert.equal(exitCode, 2);
  assert.match(stderr, /unknown option '--jason'/);
});
