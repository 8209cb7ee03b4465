import * as tf from '@tensorflow/tfjs-core';
import type { Points, Target } from '../attacks/attack.js';
import { moveIntoBall } from '../attacks/threat-model.js';
import { readOut } from '../engine/read-out.js';

/** Classifies images in batches of one size. */
export interface Classifier {
  /** Images a batch. */
  readonly size: number;
  /** The logits of points, no more than a batch of them: [points, classes] as one array. */
  logits(points: Points): Float32Array;
  /** Which of `points` are classified rightly: 1 or 0 each. Outputs that are no numbers are warned of. */
  clean(
    points: Points,
    warn: (message: string) => void,
    afterBatch?: (done: number) => Promise<void>,
  ): Promise<Uint8Array>;
  /**
   * A judge of what an attack makes of `points`. Each adversarial image is moved into [x − ε, x + ε] ∩ [0, 1] in float32,
   * checked to lie there, and classified. One with a value that is no number breaks nothing, and is warned of.
   */
  judge(
    points: Points,
    attack: { readonly name: string; readonly epsilon: number },
    warn: (message: string) => void,
  ): Judge;
  dispose(): void;
}

export interface Judge {
  /** Takes an adversarial image of a point; it is classified when a batch is full. */
  take(point: number, adversarial: Float32Array): void;
  /** Classifies what is waiting. `broken[i]` is 1 once an image of point i is misclassified. */
  finish(): Uint8Array;
}

/** 1 where every logit is a number, else 0. */
const finitely = (logits: tf.Tensor2D): tf.Tensor1D =>
  // x − x is 0 for a number, NaN for NaN and the infinities.
  tf.cast(tf.equal(tf.sum(tf.abs(tf.sub(logits, logits)), 1), 0), 'float32');

/**
 * 1 where the label's logit is the largest and every logit is a number, else 0: a network that answers NaN is not right,
 * whatever the index of its maximum.
 */
const rightly = (logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D =>
  tf.mul(tf.cast(tf.equal(tf.cast(tf.argMax(logits, 1), 'int32'), labels), 'float32'), finitely(logits));

const within = (value: tf.Tensor4D, low: tf.Tensor4D | number, high: tf.Tensor4D | number): tf.Tensor1D =>
  tf.min(
    tf.reshape(tf.cast(tf.logicalAnd(tf.greaterEqual(value, low), tf.lessEqual(value, high)), 'float32'), [
      value.shape[0],
      -1,
    ]),
    1,
  );

/** Records the classifier of `target` for batches of `size` images. */
export const createClassifier = (target: Target, size: number): Classifier => {
  const shape: [number, number, number, number] = [size, target.imageSize, target.imageSize, 3];
  const pixels = shape[1] * shape[2] * shape[3];
  const filled = (numbers: readonly number[]): number[] =>
    Array.from({ length: size }, (_, i) => numbers[i] ?? numbers[0]!);
  const labelled = { x: { shape }, labels: { shape: [size], dtype: 'int32' as const } };
  const program = target.program(
    {
      clean: {
        inputs: labelled,
        run(logits, { x, labels }) {
          const outputs = logits(x as tf.Tensor4D);
          return { outputs: { right: rightly(outputs, labels as tf.Tensor1D), finite: finitely(outputs) } };
        },
      },
      logits: { inputs: { x: { shape } }, run: (logits, { x }) => ({ outputs: { logits: logits(x as tf.Tensor4D) } }) },
      judge: {
        inputs: { ...labelled, adversarial: { shape }, epsilon: { shape: [] } },
        run(logits, { x, labels, adversarial, epsilon }) {
          const clipped = moveIntoBall(adversarial as tf.Tensor4D, x as tf.Tensor4D, epsilon as tf.Scalar);
          return {
            outputs: {
              right: rightly(logits(clipped), labels as tf.Tensor1D),
              inside: tf.mul(
                within(clipped, tf.sub<tf.Tensor4D>(x!, epsilon!), tf.add<tf.Tensor4D>(x!, epsilon!)),
                within(clipped, 0, 1),
              ),
            },
          };
        },
      },
    },
    {},
    'classifier',
  );

  return {
    size,
    logits(points) {
      const { images } = points.read(filled(Array.from({ length: points.length }, (_, i) => i)));
      return readOut(() =>
        (program.call('logits', { x: tf.tensor4d(images, shape) })['logits']!.dataSync() as Float32Array).slice(
          0,
          points.length * target.classes,
        ),
      );
    },
    async clean(points, warn, afterBatch) {
      const outcome = new Uint8Array(points.length);
      let broken = 0;
      for (let first = 0; first < points.length; first += size) {
        const count = Math.min(size, points.length - first);
        const batch = points.read(filled(Array.from({ length: count }, (_, i) => first + i)));
        const { right, finite } = readOut(() => {
          const outputs = program.call('clean', {
            x: tf.tensor4d(batch.images, shape),
            labels: tf.tensor1d(batch.labels, 'int32'),
          });
          return { right: outputs['right']!.dataSync(), finite: outputs['finite']!.dataSync() };
        });
        for (let i = 0; i < count; i++) {
          outcome[first + i] = right[i]!;
          if (finite[i] !== 1) broken++;
        }
        await afterBatch?.(first + count);
      }
      if (broken > 0) {
        warn(
          `the network's outputs are no numbers (NaN or infinite) for ${broken} of ${points.length} images: they count as ` +
            'wrong. Its training has probably diverged.',
        );
      }
      return outcome;
    },
    judge(points, { name, epsilon }, warn) {
      const broken = new Uint8Array(points.length);
      const images = new Float32Array(size * pixels);
      let waiting: number[] = [];
      const classify = (): void => {
        if (waiting.length === 0) return;
        const { right, inside } = readOut(() => {
          const batch = points.read(filled(waiting));
          const outputs = program.call('judge', {
            x: tf.tensor4d(batch.images, shape),
            labels: tf.tensor1d(batch.labels, 'int32'),
            adversarial: tf.tensor4d(images, shape),
            epsilon: tf.scalar(epsilon),
          });
          return { right: outputs['right']!.dataSync(), inside: outputs['inside']!.dataSync() };
        });
        waiting.forEach((point, i) => {
          // What was clipped can only be outside where it is no number.
          if (inside[i] !== 1) warn(`${name} made images with values that are no numbers: they count as right.`);
          else if (right[i] !== 1) broken[point] = 1;
        });
        waiting = [];
      };
      return {
        take(point, adversarial) {
          images.set(adversarial, waiting.length * pixels);
          waiting.push(point);
          if (waiting.length === size) classify();
        },
        finish() {
          classify();
          return broken;
        },
      };
    },
    dispose: () => {
      program.dispose();
    },
  };
};
