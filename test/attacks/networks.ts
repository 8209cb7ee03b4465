import * as tf from '@tensorflow/tfjs-core';
import type { Attack, AttackContext, Points } from '../../src/attacks/attack.js';
import { createTarget } from '../../src/attacks/attack.js';
import { gather } from '../../src/data/batches.js';
import { createImageSet } from '../../src/data/image-set.js';
import type { ImageSet } from '../../src/data/records.js';
import '../../src/engine/backend.js';
import { createNetwork, type Network } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';

export interface Subject {
  readonly network: Network;
  readonly weights: Record<string, tf.Tensor>;
  readonly set: ImageSet;
}

/** Networks that the tests keep to their end. */
const kept: tf.Tensor[] = [];
export const keepWeights = (weights: Record<string, tf.Tensor>): Record<string, tf.Tensor> => {
  kept.push(...Object.values(weights));
  return weights;
};

/**
 * A linear network, z = W·(x − ½), on images of `imageSize` pixels a side. Its robust radius is known: the nearest
 * boundary lies at min_j (z_y − z_j) / ‖w_y − w_j‖₁.
 */
export const linearNetwork = (
  classes: number,
  imageSize: number,
  seed: number,
): Pick<Subject, 'network' | 'weights'> => {
  const rng = createRng(seed);
  const inputs = 3 * imageSize * imageSize;
  const base = createNetwork('vnncomp-resnet2b', { classes });
  const matrix = { name: 'matrix', used: true } as Network['variables'][number];
  return {
    network: {
      ...base,
      architecture: 'linear',
      imageSize,
      variables: [matrix],
      fold: (weights) => weights,
      evaluate: (weights, x) => tf.matMul(tf.reshape(tf.sub(x, 0.5), [x.shape[0], -1]), weights['matrix']!),
    },
    weights: keepWeights({ matrix: tf.tensor2d(rng.normals(inputs * classes), [inputs, classes]) }),
  };
};

/** The logits of images in the order of the set. */
export const logitsOf = ({ network, weights, set }: Subject): Float32Array =>
  tf.tidy(() => {
    const { images } = gather(
      set,
      Array.from({ length: set.length }, (_, i) => i),
    );
    const x = tf.tensor4d(images, [set.length, set.height, set.width, 3]);
    return network.evaluate(network.fold(weights), x).dataSync() as Float32Array;
  });

/** Random images with bytes between `low` and `high`, labelled as the network classifies them: all are right. */
export const agreeingSet = (
  { network, weights }: Pick<Subject, 'network' | 'weights'>,
  count: number,
  { low = 70, high = 185, seed = 5 }: { low?: number; high?: number; seed?: number } = {},
): ImageSet => {
  const rng = createRng(seed);
  const size = network.imageSize;
  const set = {
    name: 'synthetic',
    part: 'test',
    length: count,
    height: size,
    width: size,
    classes: Array.from({ length: network.classes }, (_, label) => `class ${label}`),
    pixels: Uint8Array.from({ length: count * 3 * size * size }, () => low + rng.integer(high - low)),
    labels: new Uint8Array(count),
  } as const;
  const logits = logitsOf({ network, weights, set: createImageSet(set) });
  const labels = Uint8Array.from({ length: count }, (_, i) => {
    const row = logits.subarray(i * network.classes, (i + 1) * network.classes);
    return row.indexOf(Math.max(...row));
  });
  return createImageSet({ ...set, labels });
};

/**
 * A small network of random weights, quick and neither robust nor wholly broken. On random images all logits of such a
 * network are nearly the same from image to image: what they have in common is taken away, so that all classes occur.
 */
export const smallSubject = (count: number, { classes = 5, seed = 3 } = {}): Subject => {
  const base = createNetwork('cifar-resnet-8', { classes, width: 0.25 });
  const weights = keepWeights(base.initialise(createRng(seed)));
  const probe = agreeingSet({ network: base, weights }, 64, { low: 0, high: 256, seed: 8 });
  const common = tf.tidy(() =>
    Array.from(tf.mean(tf.tensor2d(logitsOf({ network: base, weights, set: probe }), [64, classes]), 0).dataSync()),
  );
  const network: Network = {
    ...base,
    evaluate: (folded, x) => tf.mul(tf.sub(base.evaluate(folded, x), tf.tensor1d(common)), 100),
  };
  return { network, weights, set: agreeingSet({ network, weights }, count, { low: 0, high: 256 }) };
};

const pointsOf = (set: ImageSet): Points => ({ length: set.length, read: (numbers) => gather(set, numbers) });

/** What an attack finds, each point's last report by its number. */
export const runAttack = async (
  attack: Attack,
  { network, weights, set }: Subject,
  { eager = false, ...context }: Partial<AttackContext> & { readonly eager?: boolean } = {},
): Promise<{ found: Map<number, Float32Array>; finished: number[]; warnings: string[] }> => {
  const found = new Map<number, Float32Array>();
  const finished: number[] = [];
  const warnings: string[] = [];
  const target = createTarget(network, weights, { eager });
  try {
    await attack.run(target, pointsOf(set), {
      rng: createRng(0).fork(attack.name),
      batchSize: 64,
      report: (point, image) => found.set(point, image.slice()),
      finished: (point) => finished.push(point),
      pause: () => Promise.resolve(),
      progress: () => undefined,
      warn: (message) => warnings.push(message),
      ...context,
    });
  } finally {
    target.dispose();
  }
  return { found, finished, warnings };
};

/** The distance of every image of a linear network to its nearest boundary in L∞. */
export const linearRadii = (subject: Subject): number[] => {
  const { network, weights, set } = subject;
  const logits = logitsOf(subject);
  const matrix = weights['matrix']!.dataSync();
  const { classes } = network;
  return Array.from({ length: set.length }, (_, i) => {
    const own = set.labels[i]!;
    let nearest = Infinity;
    for (let other = 0; other < classes; other++) {
      if (other === own) continue;
      let norm = 0;
      for (let row = 0; row < matrix.length / classes; row++) {
        norm += Math.abs(matrix[row * classes + own]! - matrix[row * classes + other]!);
      }
      nearest = Math.min(nearest, (logits[i * classes + own]! - logits[i * classes + other]!) / norm);
    }
    return nearest;
  });
};
