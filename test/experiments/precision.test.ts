import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadNetwork } from '../../src/checkpoints/checkpoint.js';
import { loadPart } from '../../src/data/datasets.js';
import '../../src/engine/backend.js';
import { checkFloat32 } from '../../src/engine/precision.js';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { spreadIndices } from '../../src/evaluation/image-indices.js';
import { packOutcome } from '../../src/evaluation/outcome-bits.js';
import { execute } from '../../src/experiments/execute.js';
import { cellsOf, settingName, type PlannedCell } from '../../src/experiments/grid.js';
import { recordOf, runFolder } from '../../src/experiments/places.js';
import { unitsOf } from '../../src/experiments/units.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import type { CellRecord } from '../../src/results/cell-record.js';
import { bestFile } from '../../src/training/run-folder.js';
import { temporaryFolder } from '../temporary.js';
import { recordsIn, tinyGrid, tinySetting } from './tiny.js';

test('bf16 is another training with another id, and its evaluations are in float32', async (t) => {
  const setting = await tinySetting();
  const rounded = { ...setting, precision: 'bf16' } as const;
  assert.equal(settingName(rounded), `${settingName(setting)}-bf16`);
  const plain = new Set(cellsOf(tinyGrid, setting).map(({ id }) => id));
  for (const { id } of cellsOf(tinyGrid, rounded)) assert.ok(!plain.has(id));
  const units = unitsOf(tinyGrid, rounded).filter(({ name }) => name.endsWith('/pgd-at-resnet18-s0'));

  const folder = temporaryFolder(t);
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  assert.deepEqual(await execute(units, { places, jobs: 1 }), []);
  const records = Object.values(await recordsIn(places)) as CellRecord[];
  assert.deepEqual(records.map(({ cell }) => (cell.kind === 'train' ? cell.recipe.precision : cell.kind)).sort(), [
    'bf16',
    'evaluate',
    'evaluate',
  ]);

  // What was trained in bf16 is evaluated in float32: a network that never saw a bf16 program answers the same.
  const [training, clean] = units[0]!.cells as [PlannedCell, PlannedCell];
  const { network, weights } = await loadNetwork(bestFile(runFolder(places, training.id)));
  t.after(() => {
    tf.dispose(weights);
  });
  const record = (await recordOf(places, clean.id, tinyGrid.name))!;
  const set = await loadPart('synthetic', 'test');
  const again = await evaluate({ network, weights, set, indices: spreadIndices(set.length, 40), attacks: [] });
  assert.equal(packOutcome(again.attacks['clean']!.outcome), record.evaluation!.outcome);

  // The weights are those of a training in float32 but for roundings.
  const float32 = unitsOf(tinyGrid, setting).filter(({ name }) => name.endsWith('/pgd-at-resnet18-s0'));
  assert.deepEqual(await execute(float32, { places, jobs: 1 }), []);
  const other = await loadNetwork(bestFile(runFolder(places, float32[0]!.cells[0]!.id)));
  t.after(() => {
    tf.dispose(other.weights);
  });
  const name = network.variables[0]!.name;
  const [a, b] = [weights[name]!.dataSync(), other.weights[name]!.dataSync()];
  assert.notDeepEqual(a, b);
  const off = Math.hypot(...a.map((each, i) => each - b[i]!)) / Math.hypot(...b);
  assert.ok(off < 0.1, `off by ${off}`);
});

test('an environment in which oneDNN rounds float32 is refused', async (t) => {
  checkFloat32('an evaluation');
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
