import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { loadCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { importTorch } from '../../src/checkpoints/import-torch.js';
import { restoreNetwork } from '../../src/checkpoints/network-checkpoint.js';
import { loadPart } from '../../src/data/datasets.js';
import { dataRoot } from '../../src/data/location.js';
import type { ImageSet } from '../../src/data/records.js';
import '../../src/engine/backend.js';
import { keepWeights, type Subject } from '../attacks/networks.js';
import { oracleJson, oracleTensors } from '../oracle.js';
import { needsShared, sharedPath } from '../shared.js';

/** Published checkpoints whose outcomes under attack the oracle has, computed by the published PyTorch code. */
export const publishedNetworks = {
  'vnncomp2021-resnet4b.pth': {
    architecture: 'vnncomp-resnet4b',
    normalisation: { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] },
  },
  'akamaster-resnet20-12fca82f.th': {
    architecture: 'cifar-resnet-20-a',
    normalisation: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
} as const;
export type PublishedName = keyof typeof publishedNetworks;

/** The same, and those of which only the accuracy is published. */
const publishedCheckpoints = {
  ...publishedNetworks,
  'akamaster-resnet56-4bfd9763.th': {
    architecture: 'cifar-resnet-56-a',
    normalisation: publishedNetworks['akamaster-resnet20-12fca82f.th'].normalisation,
  },
} as const;
export type CheckpointName = keyof typeof publishedCheckpoints;

const hasData = existsSync(join(dataRoot(), 'cifar10', 'test.bin'));

/** The `skip` option of a test of a published network. */
export const needsPublished = (name: CheckpointName): false | string =>
  needsShared('checkpoints', name) || (hasData ? false : needsShared('data', 'unpack.mjs'));

let images: Promise<ImageSet> | undefined;

/** CIFAR-10's test images; unpacked into `folder` where the data set is not there. */
const testImages = (folder: string): Promise<ImageSet> => {
  images ??= (async () => {
    if (hasData) return loadPart('cifar10', 'test');
    await execa(process.execPath, [sharedPath('data', 'unpack.mjs'), 'cifar10', folder]);
    return loadPart(folder, 'test');
  })();
  return images;
};

/** A published network with CIFAR-10's test images; files go into `folder`. */
export const publishedSubject = async (name: CheckpointName, folder: string): Promise<Subject> => {
  const out = join(folder, `${name}.safetensors`);
  await importTorch(sharedPath('checkpoints', name), { ...publishedCheckpoints[name], out });
  const { network, weights } = restoreNetwork(await loadCheckpoint(out));
  return { network, weights: keepWeights(weights), set: await testImages(folder) };
};

interface PublishedOutcome {
  readonly eps_255: number;
  readonly clean: number;
  readonly autoattack: Readonly<Record<string, number>>;
}

const outcomes = oracleJson('attacks') as Readonly<Record<PublishedName, PublishedOutcome>>;
const tensors = oracleTensors('attacks');

/** The images that the oracle's outcomes are of. */
export const publishedIndices = Uint32Array.from({ length: 256 }, (_, i) => 39 * i);

export const publishedOutcome = (name: PublishedName) => ({
  ...outcomes[name],
  epsilon: outcomes[name].eps_255 / 255,
  logits: tensors(`${name}/logits`).values,
  /** 1 an image that was still right. */
  right: (attack: string): Float32Array => tensors(`${name}/${attack}_correct`).values,
});
