import { createHash } from 'node:crypto';
import type { ImageSet } from '../data/records.js';
import type { Tensors } from '../engine/gradient.js';
import type { Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Network, Normalisation, WeightedNetwork } from '../models/network.js';

/** A network as a run names it: by its weights' content, not by the file that they lie in. */
export interface NetworkIdentity {
  readonly architecture: string;
  readonly width: number;
  readonly classes: number;
  readonly imageSize: number;
  readonly normalisation: Normalisation | null;
  /** SHA-256 of names and values; of a student that starts from the seed, nothing. */
  readonly weights: string | null;
}

/** What a run trains and validates on: the set's content, and which of its images. */
export interface DataIdentity {
  readonly name: string;
  readonly part: 'train' | 'test';
  readonly md5: string;
  readonly trainImages: number;
  /** SHA-256 of the images' positions in the set, in their order. */
  readonly train: string;
  readonly validationImages: number;
  readonly validation: string;
}

/** Everything that decides a run's outcome: two runs with the same identity end with the same bytes. Plain JSON. */
export interface RunIdentity {
  readonly method: string;
  readonly recipe: Recipe;
  readonly student: NetworkIdentity;
  readonly cleanTeacher: NetworkIdentity | null;
  readonly robustTeacher: NetworkIdentity | null;
  readonly data: DataIdentity;
  readonly seed: number;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const weightsDigest = (weights: Tensors): string => {
  const hash = createHash('sha256');
  for (const [name, tensor] of Object.entries(weights)) hash.update(name).update(bytesOf(tensor.dataSync()));
  return hash.digest('hex');
};

const indicesDigest = (indices: Uint32Array): string => createHash('sha256').update(bytesOf(indices)).digest('hex');

const networkIdentity = (
  { architecture, width, classes, imageSize, normalisation }: Network,
  weights: Tensors | undefined,
): NetworkIdentity => ({
  architecture,
  width,
  classes,
  imageSize,
  normalisation: normalisation ?? null,
  weights: weights ? weightsDigest(weights) : null,
});

export interface IdentityParts {
  readonly method: Method;
  readonly recipe: Recipe;
  readonly student: Network;
  readonly studentWeights?: Tensors | undefined;
  readonly cleanTeacher?: WeightedNetwork | undefined;
  readonly robustTeacher?: WeightedNetwork | undefined;
  readonly set: ImageSet;
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly seed: number;
}

export const identityOf = (parts: IdentityParts): RunIdentity => {
  const { set, train, validation } = parts;
  const teacher = (given: WeightedNetwork | undefined): NetworkIdentity | null =>
    given ? networkIdentity(given.network, given.weights) : null;
  return {
    method: parts.method.name,
    recipe: parts.recipe,
    student: networkIdentity(parts.student, parts.studentWeights),
    cleanTeacher: teacher(parts.cleanTeacher),
    robustTeacher: teacher(parts.robustTeacher),
    data: {
      name: set.name,
      part: set.part,
      md5: set.md5,
      trainImages: train.length,
      train: indicesDigest(train),
      validationImages: validation.length,
      validation: indicesDigest(validation),
    },
    seed: parts.seed,
  };
};
