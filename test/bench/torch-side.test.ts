import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTorchWorker } from '../../bench/torch-worker.js';
import { UserError } from '../../src/errors.js';
import { needsShared, sharedPath } from '../shared.js';

/** A Python that has torch, which the project's own environment doesn't need. */
const python = process.env['CIARD_TORCH_PYTHON'];
const needsTorch = python === undefined ? 'needs a Python with torch (CIARD_TORCH_PYTHON)' : false;

test(
  "PyTorch's side does the published work: networks, gradients and a whole CIARD step",
  { skip: needsTorch || needsShared('oracle', 'ciard_step.safetensors') },
  () => {
    const script = fileURLToPath(new URL('../../bench/verify_torch_side.py', import.meta.url));
    const checks = JSON.parse(
      execFileSync(python!, [script, sharedPath('oracle'), '--json'], { encoding: 'utf8' }),
    ) as { check: string; ok: boolean }[];
    assert.ok(checks.length > 20);
    for (const { check, ok } of checks) assert.ok(ok, check);
  },
);

test("PyTorch's side times what it is asked for, and says what it was not", { skip: needsTorch }, async () => {
  const worker = await startTorchWorker(python!, 1);
  try {
    assert.equal(worker.information.threads, 1);
    const side = worker.side('channelsLast');
    const work = await side.prepare({
      work: 'attack-step',
      network: 'mobilenetv2',
      width: 1 / 4,
      batch: 1,
      limit: null,
      limitChannelsLast: null,
      limitBest: null,
    });
    const times = await work.run(2);
    assert.equal(times.length, 2);
    assert.ok(times.every((time) => time > 0));
    const before = side.process.processorSeconds();
    assert.ok(before > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(side.process.processorSeconds() - before < 0.05, 'the worker is idle while it waits');
    await work.dispose();
    await assert.rejects(work.run(1), /KeyError/);
  } finally {
    worker.stop();
  }
});

test('a Python that is not there, or has no torch, is a plain error', async () => {
  await assert.rejects(startTorchWorker('/nonexistent/python', 1), UserError);
  // Node reads the script as JavaScript and ends: the same as a Python in which the import fails.
  await assert.rejects(startTorchWorker(process.execPath, 1), UserError);
});
