import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { collectEnvironment, countProcessors, gpuName } from '../../src/doctor/environment.js';
import { examine, reportRows, whyNoGpu } from '../../src/doctor/report.js';
import { places } from '../../src/setup/places.mjs';

test("the kernel's lists of processors are counted", () => {
  assert.equal(countProcessors('0-1\n'), 2);
  assert.equal(countProcessors('3'), 1);
  assert.equal(countProcessors('0-3,8,10-11'), 7);
});

test("a GPU's name is kept without its identity", () => {
  assert.equal(gpuName('GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-6cd06ec1)'), 'NVIDIA H100 80GB HBM3');
});

test('the environment of a result names versions and the machine, no path, and is the same twice', async () => {
  const environment = await collectEnvironment();
  assert.match(environment.tensorflow.version, /^\d+\.\d+\.\d+$/);
  assert.match(environment.version, /^\d+\.\d+\.\d+$/);
  assert.equal(environment.node, process.versions.node);
  assert.ok(environment.threads >= 1 && environment.threads >= Math.min(availableParallelism(), environment.threads));
  assert.ok(environment.commit === null || /^[0-9a-f]{40,64}$/.test(environment.commit));
  assert.equal(environment.tensorflow.oneDnn, true, 'the engine switches it on');
  const text = JSON.stringify(environment);
  assert.doesNotMatch(text, /"[^"]*\/[^"]*\/[^"]*"/);
  assert.equal(text.includes(places.root), false);
  assert.equal(JSON.stringify(await collectEnvironment()), text);
});

test("the doctor's report is a result's record, and the paths and states beside it", async () => {
  const [report, environment] = [await examine(), await collectEnvironment()];
  for (const [name, value] of Object.entries(environment))
    assert.deepEqual(report[name as keyof typeof report], value, name);
  assert.equal(report.kernel, existsSync(places.kernelspec) ? 'ciard' : null);
  assert.equal(report.python, existsSync(places.pythonExecutable) ? places.pythonExecutable : null);
  assert.ok(report.freeDisk > 0);
  assert.deepEqual(report.problems, []);
  assert.match(new Map(reportRows(report)).get('TensorFlow') ?? '', /^\d/);
});

test('a GPU that is present and not used is explained', async () => {
  const never = () => Promise.reject(new Error('asked'));
  assert.match(await whyNoGpu('cpu', undefined, never), /installed for the CPU.*--device gpu/);
  assert.match(await whyNoGpu('gpu', '-1', never), /CUDA_VISIBLE_DEVICES is '-1'/);
  assert.match(await whyNoGpu('gpu', '', never), /CUDA_VISIBLE_DEVICES is ''/);
  // TensorFlow itself is asked; on a machine without a GPU it has nothing to say, or names the missing driver.
  assert.match(await whyNoGpu('gpu', undefined), /^TensorFlow (says:|does not say why)/);
});
