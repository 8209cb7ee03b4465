import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import '../../src/engine/backend.js';
import { saveCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { infoOfNetwork, stateDictOfWeights } from '../../src/checkpoints/network-checkpoint.js';
import { writeSafetensors } from '../../src/checkpoints/safetensors.js';
import { placesIn, runFolder } from '../../src/experiments/places.js';
import { loadTrained, runCells } from '../../src/experiments/run-cell.js';
import { loadPart } from '../../src/data/datasets.js';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { spreadIndices } from '../../src/evaluation/image-indices.js';
import { unpackOutcome } from '../../src/evaluation/outcome-bits.js';
import { cellId } from '../../src/results/cell.js';
import { tinyGrid, tinySetting } from './tiny.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { bestFile, stateFile } from '../../src/training/run-folder.js';
import { firstState } from '../../src/training/run-state.js';
import { temporaryFolder } from '../temporary.js';

test('a network is taken when its training has ended, and not before', async () => {
  const places = placesIn(temporaryFolder());
  const id = 'a'.repeat(64);
  const folder = runFolder(places, id);
  mkdirSync(folder, { recursive: true });
  const network = createNetwork('cifar-resnet-8', { width: 0.25 });
  const values = Object.fromEntries(
    Object.entries(network.initialise(createRng(0))).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
  );
  await saveCheckpoint(bestFile(folder), infoOfNetwork(network), stateDictOfWeights(network, values));
  // A checkpoint that was brought has no state.
  await loadTrained(places, id);
  const state = (epoch: number) =>
    writeSafetensors(stateFile(folder), new Map(), {
      run: JSON.stringify({ ...firstState, epoch }),
      identity: JSON.stringify({ recipe: { epochs: 3 } }),
    });
  await state(2);
  await assert.rejects(loadTrained(places, id), /training that has not ended.*npx ciard cell run aaaaaaaaaaaa/);
  await state(3);
  await loadTrained(places, id);
});

test('an evaluation on training images is of those, spread over the training set', async () => {
  const places = placesIn(temporaryFolder());
  const setting = await tinySetting();
  const [row] = tinyGrid.rows(setting);
  const model = cellId(row!.train);
  const network = createNetwork(row!.train.network.architecture, { width: row!.train.network.width });
  const weights = network.initialise(createRng(3));
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
  );
  mkdirSync(runFolder(places, model), { recursive: true });
  await saveCheckpoint(bestFile(runFolder(places, model)), infoOfNetwork(network), stateDictOfWeights(network, values));
  const on = row!.evaluations['clean']!;
  const { name, train } = setting.data;
  const cells = [on, { ...on, data: { name, md5: train.md5, images: 40, part: 'train' as const } }].map((cell) => ({
    ...{ cell, id: cellId(cell), name: 'tiny/clean', needs: [model] },
  }));
  assert.notEqual(cells[0]!.id, cells[1]!.id);
  const records = await runCells(cells, { places, grid: 'students' });
  for (const [i, part] of (['test', 'train'] as const).entries()) {
    const set = await loadPart('synthetic', part);
    const indices = spreadIndices(set.length, 40);
    const { attacks } = await evaluate({ network, weights, set, indices, attacks: [on.attack] });
    const { outcome, total } = records[i]!.evaluation!;
    assert.deepEqual([...unpackOutcome(outcome, total)], [...attacks['clean']!.outcome], part);
  }
  // Images that are not those of the cell are refused.
  const wrong = { ...on, data: { ...on.data, part: 'train' as const } };
  await assert.rejects(
    runCells([{ cell: wrong, id: cellId(wrong), name: 'tiny/wrong', needs: [] }], { places, grid: 'students' }),
    /the train images of synthetic have the MD5/,
  );
});
