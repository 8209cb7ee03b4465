import { UserError } from '../errors.js';
import type { Rng } from '../random.js';
import type { ImageSet } from './records.js';

/** Some images of a set, as a network takes them. */
export interface Batch {
  readonly size: number;
  /** `[size, H, W, 3]` float32 in [0, 1]. */
  readonly images: Float32Array;
  /** `[size]` */
  readonly labels: Int32Array;
  /** `[size]` Their positions in the set. */
  readonly indices: Uint32Array;
}

/** byte / 255 as float32, the value that torchvision's ToTensor gives. */
const levels = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/**
 * Copies one image from planes of bytes to interleaved floats: the window whose top left corner is `(top, left)`, which
 * may lie partly outside; outside is 0. `flip` mirrors it left to right.
 */
const copyImage = (
  set: ImageSet,
  index: number,
  out: Float32Array,
  at: number,
  top = 0,
  left = 0,
  flip = false,
): void => {
  const { height, width, pixels } = set;
  const plane = height * width;
  const from = index * 3 * plane;
  for (let y = 0; y < height; y++) {
    const row = y + top;
    if (row < 0 || row >= height) continue;
    for (let x = 0; x < width; x++) {
      const column = left + (flip ? width - 1 - x : x);
      if (column < 0 || column >= width) continue;
      const source = from + row * width + column;
      const target = at + 3 * (y * width + x);
      out[target] = levels[pixels[source]!]!;
      out[target + 1] = levels[pixels[source + plane]!]!;
      out[target + 2] = levels[pixels[source + 2 * plane]!]!;
    }
  }
};

const collect = (
  set: ImageSet,
  indices: ArrayLike<number>,
  copy: (index: number, out: Float32Array, at: number) => void,
): Batch => {
  const size = indices.length;
  const image = 3 * set.height * set.width;
  const images = new Float32Array(size * image);
  const labels = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const index = indices[i]!;
    if (!(index >= 0 && index < set.length)) {
      throw new UserError(
        `image ${index} asked of ${set.name} ${set.part}, which has ${set.length} (0 to ${set.length - 1})`,
      );
    }
    labels[i] = set.labels[index]!;
    copy(index, images, i * image);
  }
  return { size, images, labels, indices: Uint32Array.from(indices) };
};

/** The images at `indices`, as they are: byte / 255, channels last. */
export const gather = (set: ImageSet, indices: ArrayLike<number>): Batch =>
  collect(set, indices, (index, out, at) => {
    copyImage(set, index, out, at);
  });

export interface AugmentOptions {
  /** Zeros around the image that the crop may take in, a side. */
  readonly padding?: number;
  /** Probability of a mirror image. */
  readonly flipProbability?: number;
}

/**
 * The images at `indices`, each cropped at random out of itself padded with zeros and mirrored with probability ½: the
 * field's augmentation for CIFAR. Image by image three draws are made: top, left, mirror.
 */
export const gatherAugmented = (
  set: ImageSet,
  indices: ArrayLike<number>,
  rng: Rng,
  { padding = 4, flipProbability = 0.5 }: AugmentOptions = {},
): Batch =>
  collect(set, indices, (index, out, at) => {
    const top = rng.integer(2 * padding + 1) - padding;
    const left = rng.integer(2 * padding + 1) - padding;
    copyImage(set, index, out, at, top, left, rng.uniform() < flipProbability);
  });

export interface EpochOptions {
  readonly batchSize: number;
  /** The epoch's source of randomness: `rng.fork('epoch', n)`. */
  readonly rng: Rng;
  /** Crop and mirror at random (default), with these settings; `false` takes the images as they are. */
  readonly augment?: boolean | AugmentOptions;
  /** Leave out a last batch that is not full. PyTorch's default keeps it, and so does ours. */
  readonly dropLast?: boolean;
  /** Begin at this batch, as an interrupted epoch does when it is taken up again: the same batches follow. */
  readonly firstBatch?: number;
}

/** Number of batches of an epoch over `count` images. */
export const batchCount = (
  count: number,
  { batchSize, dropLast = false }: Pick<EpochOptions, 'batchSize' | 'dropLast'>,
): number => (dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize));

const checkBatchSize = (batchSize: number): void => {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new UserError(`batch size ${batchSize}; wanted a whole number from 1`);
  }
};

/**
 * One epoch: every image of `indices` once, in random order. Order and augmentation of a batch depend on `rng` and the
 * batch's number alone.
 */
export function* epochBatches(
  set: ImageSet,
  indices: ArrayLike<number>,
  { batchSize, rng, augment = true, dropLast = false, firstBatch = 0 }: EpochOptions,
): Generator<Batch, void, undefined> {
  checkBatchSize(batchSize);
  const order = rng.fork('order').permutation(indices.length);
  const batches = batchCount(indices.length, { batchSize, dropLast });
  for (let batch = firstBatch; batch < batches; batch++) {
    const chosen = order.slice(batch * batchSize, (batch + 1) * batchSize).map((at) => indices[at]!);
    yield augment === false
      ? gather(set, chosen)
      : gatherAugmented(set, chosen, rng.fork('batch', batch), augment === true ? {} : augment);
  }
}

/** The images of `indices` as they are and in their order, for evaluation; the last batch may be smaller. */
export function* orderedBatches(
  set: ImageSet,
  indices: ArrayLike<number>,
  batchSize: number,
): Generator<Batch, void, undefined> {
  checkBatchSize(batchSize);
  const all = Uint32Array.from(indices);
  for (let at = 0; at < all.length; at += batchSize) yield gather(set, all.subarray(at, at + batchSize));
}
