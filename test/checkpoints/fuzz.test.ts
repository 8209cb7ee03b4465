import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import { loadNetwork } from '../../src/checkpoints/checkpoint.js';
import { importTorch } from '../../src/checkpoints/import-torch.js';
import { bytesOfTensor } from '../../src/checkpoints/state-dict.js';
import { fuzz, fuzzBudget, mutated } from '../mutations.js';
import { temporaryFolder } from '../temporary.js';
import { readTorch } from './read-torch.js';
import { dict, pickle, tensor, torchLegacy, torchZip } from './torch-builder.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/torch/${name}`, import.meta.url));
const sources = (...names: string[]): Uint8Array[] => names.map((name) => readFileSync(fixture(name)));
const options = { architecture: 'cifar-resnet-8-a', classes: 4, width: 0.125 };
const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25] } as const;
const count = fuzzBudget(150);

describe('mutated checkpoints are read or refused with one error, and nothing is left half-written', () => {
  const folder = temporaryFolder();
  const given = join(folder, 'given.pt');
  const out = join(folder, 'out.safetensors');
  /** The fixture's network: its pickle, and the bytes of its only storage. */
  let network: { pickle: Uint8Array; storage: Uint8Array };
  let ours: Uint8Array;
  let state: Uint8Array;

  before(async () => {
    const tensors = [...(await readTorch(fixture('cifar-resnet-8-a.th')))].filter(([, of]) => of.dtype === 'float32');
    const size = tensors.reduce((sum, [, { data }]) => sum + data.length, 0);
    let offset = 0;
    const entries = tensors.map(([name, { shape, data }]) => {
      const entry = [name, tensor(shape, { size, offset })] as const;
      offset += data.length;
      return entry;
    });
    const storage = Buffer.concat(tensors.map(([, of]) => bytesOfTensor(of)));
    network = { pickle: pickle(dict(['state_dict', dict(...entries)], ['epoch', 'K\x05'])), storage };
    writeFileSync(given, torchZip(network.pickle, { 0: storage }));
    await importTorch(given, { ...options, normalisation, dataset: 'cifar10', out });
    ours = readFileSync(out);
    await importTorch(given, { ...options, out: join(folder, 'state.safetensors') });
    state = readFileSync(join(folder, 'state.safetensors'));
    await rm(join(folder, 'state.safetensors'));
    await rm(out);
    await rm(given);
  });

  /** Only the given file, and the written one where it was accepted. */
  const check = (accepted: boolean): void => {
    assert.deepEqual(readdirSync(folder), accepted ? ['given.pt', 'out.safetensors'] : ['given.pt']);
  };
  const imported = async (bytes: Uint8Array, more: object = {}): Promise<void> => {
    await rm(out, { force: true });
    writeFileSync(given, bytes);
    await importTorch(given, { ...options, ...more, out });
  };

  test('zip archives of torch.save', async () => {
    const files = sources(
      'cifar-resnet-8-a.th',
      'zip.pt',
      'nested.pt',
      'views.pt',
      'torchscript.pt',
      'no-checksums.pt',
    );
    await fuzz('torch zip', count, (rng) => imported(mutated(rng, files)), check);
  });

  test('pickles in archives whose checksums are right', async () => {
    const pickles = [network.pickle, pickle(dict(['module.a.conv1.weight', tensor([2, 2], { size: 4 })]))];
    await fuzz(
      'torch pickle',
      count,
      (rng) => {
        const data = mutated(rng, pickles);
        const more = [{}, { key: 'state_dict.a' }, { prefix: 'a' }, { allowSurplus: true }][rng.integer(4)]!;
        return imported(torchZip(data, { 0: network.storage }), more);
      },
      check,
    );
  });

  test('legacy files of torch.save', async () => {
    const files = [
      torchLegacy(network.pickle, { 0: network.storage }),
      ...sources('legacy.pth', 'legacy-data-parallel.th', 'legacy-protocol-4.pt', 'legacy-views.pt'),
    ];
    await fuzz('torch legacy', count, (rng) => imported(mutated(rng, files)), check);
  });

  test('safetensors files', async () => {
    const files = [state, ...sources('reference.safetensors')];
    await fuzz('safetensors', count, (rng) => imported(mutated(rng, files)), check);
  });

  test('checkpoints of ours', async () => {
    await fuzz('checkpoint', count, async (rng) => {
      writeFileSync(given, mutated(rng, [ours]));
      const tensors = tf.memory().numTensors;
      try {
        tf.dispose((await loadNetwork(given)).weights);
      } finally {
        assert.equal(tf.memory().numTensors, tensors);
      }
    });
  });
});
