import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseDevice, nvidiaGpus } from '../../src/setup/device.mjs';
import { placesIn } from '../../src/setup/places.mjs';
import { temporaryFolder } from '../temporary.js';

/** A driver's program with the given answer, alone on the path. */
const withDriver = <T>(folder: string, script: string, work: () => T): T => {
  const before = process.env['PATH'];
  writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'nvidia-smi'), 0o755);
  process.env['PATH'] = folder;
  try {
    return work();
  } finally {
    process.env['PATH'] = before;
  }
};

const answers = `echo 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-0)'`;
const failures = [
  `echo "NVIDIA-SMI has failed because it couldn't communicate with the driver."; exit 9`,
  `echo 'No devices were found'`,
];

test('the GPU is taken where the driver answers, the CPU where it does not', (t) => {
  const folder = temporaryFolder(t);
  const places = placesIn(folder);
  assert.equal(
    withDriver(folder, answers, () => chooseDevice(places, undefined)),
    'gpu',
  );
  assert.deepEqual(withDriver(folder, answers, nvidiaGpus), ['GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-0)']);
  for (const script of failures) {
    assert.equal(
      withDriver(folder, script, () => chooseDevice(places, undefined)),
      'cpu',
    );
  }
});

test('what was asked for is kept until something else is asked for', (t) => {
  const folder = temporaryFolder(t);
  const places = placesIn(folder);
  const choose = (request?: 'cpu' | 'gpu' | 'auto') => withDriver(folder, answers, () => chooseDevice(places, request));
  assert.equal(choose('cpu'), 'cpu');
  assert.equal(choose(), 'cpu');
  assert.equal(choose('auto'), 'gpu');
  assert.equal(choose(), 'gpu');
});
