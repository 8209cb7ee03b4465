import * as tf from '@tensorflow/tfjs-core';
import { createTarget, programSize, type Attack } from '../attacks/attack.js';
import { moveIntoBall } from '../attacks/threat-model.js';
import { gather } from '../data/batches.js';
import type { ImageSet } from '../data/records.js';
import type { Tensors } from '../engine/gradient.js';
import { softmax } from '../engine/softmax.js';
import { UserError } from '../errors.js';
import type { AttackedImage, Prediction } from './image-grid.js';
import { checkpointInterrupt, interruptSignal } from '../interruption.js';
import type { Network } from '../models/network.js';
import { silentProgress, type Progress } from '../progress.js';
import { createRng } from '../random.js';

export interface AttackedImagesOptions {
  /** The networks whose answers are wanted, by the names that they are shown with. */
  readonly networks: Readonly<Record<string, { readonly network: Network; readonly weights: Tensors }>>;
  /** The one that is attacked. Default: the first. */
  readonly attacked?: string;
  readonly attack: Attack;
  readonly set: ImageSet;
  readonly indices: ArrayLike<number>;
  /** Default 0. With the seed of an evaluation the images are those that it judged. */
  readonly seed?: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** The class that each image is taken for, and how surely. `images`: [B, H, W, 3] */
const predictions = (
  { network, weights }: { readonly network: Network; readonly weights: Tensors },
  images: tf.Tensor4D,
  classes: readonly string[],
): Prediction[] =>
  tf.tidy(() => {
    const probabilities = softmax(network.evaluate(network.fold(weights), images)).arraySync();
    return probabilities.map((ofImage) => {
      const probability = Math.max(...ofImage);
      return { label: classes[ofImage.indexOf(probability)]!, probability };
    });
  });

/**
 * Images, what `attack` makes of them, and what every network makes of both. The attack's images are moved into the ball
 * and into [0, 1], as an evaluation does.
 * @throws UserError where there is no network of the name `attacked`
 * @throws InterruptedError where `signal` aborts
 */
export const attackedImages = async ({
  networks,
  attacked = Object.keys(networks)[0] ?? '',
  attack,
  set,
  indices,
  seed = 0,
  progress = silentProgress,
  signal = interruptSignal(),
}: AttackedImagesOptions): Promise<AttackedImage[]> => {
  const victim = networks[attacked];
  if (!victim) {
    throw new UserError(`there is no network "${attacked}" to attack. Given are ${Object.keys(networks).join(', ')}.`);
  }
  const { images, labels } = gather(set, indices);
  const shape: [number, number, number, number] = [labels.length, set.height, set.width, 3];
  const size = set.height * set.width * 3;
  const found = images.slice();
  const target = createTarget(victim.network, victim.weights);
  try {
    await attack.run(
      target,
      {
        length: labels.length,
        read: (numbers) =>
          gather(
            set,
            Array.from(numbers, (number) => indices[number]!),
          ),
      },
      {
        rng: createRng(seed).fork(attack.name),
        batchSize: programSize(labels.length, 128),
        report: (point, adversarial) => {
          found.set(adversarial, point * size);
        },
        finished: () => undefined,
        pause: () => checkpointInterrupt(signal),
        progress,
        warn: () => undefined,
      },
    );
  } finally {
    target.dispose();
  }
  const clean = tf.tensor4d(images, shape);
  const adversarial = tf.tidy(() => moveIntoBall(tf.tensor4d(found, shape), clean, attack.epsilon));
  const values = adversarial.dataSync() as Float32Array;
  const answers = Object.entries(networks).map(([name, one]) => ({
    name,
    clean: predictions(one, clean, set.classes),
    adversarial: predictions(one, adversarial, set.classes),
  }));
  tf.dispose([clean, adversarial]);
  const pixels = (all: Float32Array, image: number) => ({
    values: all.slice(image * size, (image + 1) * size),
    height: set.height,
    width: set.width,
  });
  return Array.from(labels, (label, image) => ({
    label: set.classes[label]!,
    clean: pixels(images, image),
    adversarial: pixels(values, image),
    predictions: Object.fromEntries(
      answers.map((answer) => [answer.name, { clean: answer.clean[image]!, adversarial: answer.adversarial[image]! }]),
    ),
  }));
};
