import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import '../../src/engine/backend.js';
import { saveCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { infoOfNetwork, stateDictOfWeights } from '../../src/checkpoints/network-checkpoint.js';
import { writeSafetensors } from '../../src/checkpoints/safetensors.js';
import { placesIn, runFolder } from '../../src/experiments/places.js';
import { loadTrained } from '../../src/experiments/run-cell.js';
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
