import * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';
import {
  createProgram,
  type FunctionResult,
  type Program,
  type ProgramFunction,
  type TensorSpec,
} from '../engine/program.js';
import type { Network } from '../models/network.js';
import type { Rng } from '../random.js';

/** A function of a target's program: like a program's own, with the network in place of its weights. */
export interface TargetFunction<I extends string = string> {
  readonly inputs: Readonly<Record<I, TensorSpec>>;
  readonly run: (
    logits: (x: tf.Tensor4D) => tf.Tensor2D,
    inputs: Readonly<Record<I, tf.Tensor>>,
  ) => FunctionResult['outputs'] & object;
}

/** A network in evaluation mode with its weights, seen in batches of one size: what is attacked. */
export interface Target {
  readonly network: Network;
  readonly classes: number;
  readonly batchSize: number;
  /** [batchSize, H, W, 3] */
  readonly imageShape: readonly [number, number, number, number];
  /** Records functions of the network; the weights, batch norm folded in, are the program's variables. */
  program<F extends Record<string, TargetFunction>>(functions: F): Program<{ [K in keyof F]: ProgramFunction }>;
  /** Frees the weights. Programs that were made stay their makers' to free. */
  dispose(): void;
}

/** The target for attacks on `network`. `weights` are those of training; they stay the caller's. */
export const createTarget = (
  network: Network,
  weights: Tensors,
  batchSize: number,
  options: { readonly eager?: boolean } = {},
): Target => {
  const folded = tf.tidy(() =>
    Object.fromEntries(Object.entries(network.fold(weights)).map(([name, tensor]) => [name, tf.keep(tensor.clone())])),
  );
  return {
    network,
    classes: network.classes,
    batchSize,
    imageShape: [batchSize, network.imageSize, network.imageSize, 3],
    program: <F extends Record<string, TargetFunction>>(functions: F) =>
      createProgram(
        folded,
        Object.fromEntries(
          Object.entries(functions).map(([name, { inputs, run }]) => [
            name,
            {
              inputs,
              run: (variables: Tensors, given: Readonly<Record<string, tf.Tensor>>) => ({
                outputs: run((x) => network.evaluate(variables, x), given),
              }),
            },
          ]),
        ) as { [K in keyof F]: ProgramFunction },
        options,
      ),
    dispose() {
      for (const tensor of Object.values(folded)) tensor.dispose();
    },
  };
};

/** A batch to attack; its size is the target's. */
export interface AttackBatch {
  /** [B, H, W, 3] in [0, 1] */
  readonly images: tf.Tensor4D;
  /** [B] int32 */
  readonly labels: tf.Tensor1D;
  /** The images' positions in their set: what is drawn for an image depends on it alone, not on its batch. */
  readonly indices: ArrayLike<number>;
  readonly rng: Rng;
}

export interface PreparedAttack {
  /** Adversarial images [B, H, W, 3]. The caller clips them to the ball and to [0, 1]: it does not trust an attack. */
  perturb(batch: AttackBatch): tf.Tensor4D | Promise<tf.Tensor4D>;
  dispose(): void;
}

/** An attack. `prepare` records it for a target; the prepared attack serves any number of batches. */
export interface Attack {
  readonly name: string;
  readonly epsilon: number;
  prepare(target: Target): PreparedAttack;
}

/** Noise for a batch, drawn image by image, so that it does not depend on how images are batched. */
export const perImage = (
  { indices, rng }: Pick<AttackBatch, 'indices' | 'rng'>,
  shape: readonly [number, number, number, number],
  draw: (size: number, rng: Rng) => Float32Array,
): tf.Tensor4D => {
  const size = shape[1] * shape[2] * shape[3];
  const values = new Float32Array(shape[0] * size);
  for (let i = 0; i < shape[0]; i++) values.set(draw(size, rng.fork('image', indices[i]!)), i * size);
  return tf.tensor4d(values, [...shape]);
};
