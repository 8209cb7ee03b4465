import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { execa } from 'execa';
import { loadPart } from '../../src/data/datasets.js';
import { repositoryRoot } from '../../src/data/location.js';
import '../../src/engine/backend.js';
import { checkPrecision } from '../../src/engine/precision.js';
import { UserError } from '../../src/errors.js';
import { execute, ordersOf, writePlans } from '../../src/experiments/execute.js';
import { cellsOf, settingName } from '../../src/experiments/grid.js';
import { unitsOf } from '../../src/experiments/units.js';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import type { CellRecord } from '../../src/results/cell-record.js';
import { temporaryFolder } from '../temporary.js';
import { recordsIn, tinyGrid, tinySetting } from './tiny.js';

test('bf16 is another training with another id, and its evaluations are in float32', async (t) => {
  const setting = await tinySetting();
  const rounded = { ...setting, precision: 'bf16' } as const;
  assert.equal(settingName(rounded), `${settingName(setting)}-bf16`);
  const plain = new Set(cellsOf(tinyGrid, setting).map(({ id }) => id));
  for (const { id } of cellsOf(tinyGrid, rounded)) assert.ok(!plain.has(id));
  const units = unitsOf(tinyGrid, rounded).filter(({ name }) => name.endsWith('/pgd-at-resnet18-s0'));
  assert.deepEqual(
    units.flatMap((unit) => ordersOf(unit).map(({ precision, ids }) => [precision, ids.length])),
    [
      ['bf16', 1],
      ['float32', 2],
    ],
  );

  // Each process refuses what it does not compute in, so that all of them are done shows how they were.
  const folder = temporaryFolder(t);
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  assert.deepEqual(await execute(units, { places, jobs: 1 }), []);
  const records = Object.values(await recordsIn(places)) as CellRecord[];
  assert.deepEqual(records.map(({ cell }) => (cell.kind === 'train' ? cell.recipe.precision : cell.kind)).sort(), [
    'bf16',
    'evaluate',
    'evaluate',
  ]);

  // The same by hand: the training goes to a process of its own.
  const other = { results: join(folder, 'other'), runs: join(folder, 'other-runs') };
  const [unit] = units as [(typeof units)[number]];
  await writePlans(unit, other);
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [
      ...['bin/ciard.mjs', 'cell', 'run', ...unit.cells.map(({ id }) => id)],
      ...['--results', other.results, '--runs', other.runs],
    ],
    { cwd: repositoryRoot(), env: { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' }, reject: false },
  );
  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /in bf16, in a process of its own/);
  assert.equal(stdout.match(/: done$/gm)?.length, 3);
  assert.deepEqual(await recordsIn(other), await recordsIn(places));
});

test('a process computes in one precision: training or evaluating in another is refused', async (t) => {
  checkPrecision('an evaluation', 'float32');
  assert.throws(() => {
    checkPrecision('a training', 'bf16');
  }, UserError);
  const before = process.env['ONEDNN_DEFAULT_FPMATH_MODE'];
  t.after(() => {
    if (before === undefined) delete process.env['ONEDNN_DEFAULT_FPMATH_MODE'];
    else process.env['ONEDNN_DEFAULT_FPMATH_MODE'] = before;
  });
  process.env['ONEDNN_DEFAULT_FPMATH_MODE'] = 'BF16';
  const network = createNetwork('quick-resnet', { width: 0.25 });
  const weights = network.initialise(createRng(0));
  try {
    const set = await loadPart('synthetic', 'test');
    await assert.rejects(
      evaluate({ network, weights, set, attacks: [] }),
      /an evaluation is to compute in float32, but this process has ONEDNN_DEFAULT_FPMATH_MODE=BF16/,
    );
  } finally {
    tf.dispose(weights);
  }
});
