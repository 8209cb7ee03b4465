import { createHash } from 'node:crypto';
import type { ImageSet } from '../data/records.js';
import type { Tensors } from '../engine/gradient.js';
import { readOut } from '../engine/read-out.js';
import type { Network } from '../models/network.js';

/** A network, the images that it meets, and the seed of what is drawn. */
export interface Evaluated {
  readonly network: Network;
  readonly weights: Tensors;
  readonly set: ImageSet;
  readonly indices: ArrayLike<number>;
  readonly seed: number;
}

const sha256 = (pieces: Iterable<Uint8Array | string>): string => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
};

const weightBytes = function* (network: Network, weights: Tensors): Generator<Uint8Array | string> {
  yield JSON.stringify([network.architecture, network.width, network.classes, network.normalisation ?? null]);
  for (const { name } of network.variables) {
    const values = readOut(() => weights[name]!.clone().dataSync() as Float32Array);
    yield name;
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
};

/** What decides the outcome of an attack beside the attack itself, by content. */
export const identityOfEvaluated = ({ network, weights, set, indices, seed }: Evaluated) => ({
  seed,
  network: sha256(weightBytes(network, weights)),
  data: set.md5,
  images: sha256([new Uint8Array(Uint32Array.from(indices).buffer)]),
});
