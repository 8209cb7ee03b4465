import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batches.js';
import type { Tensors } from '../engine/gradient.js';
import {
  createProgram,
  type FunctionResult,
  type Program,
  type ProgramFunction,
  type TensorSpec,
} from '../engine/program.js';
import { UserError } from '../errors.js';
import { identityOfNetwork, type Network } from '../models/network.js';
import type { Progress } from '../progress.js';
import type { Rng } from '../random.js';

/** A function of a target's program: like a program's own, with the network in place of its weights. */
export interface TargetFunction<I extends string = string> {
  readonly inputs: Readonly<Record<I, TensorSpec>>;
  readonly run: (
    logits: (x: tf.Tensor4D) => tf.Tensor2D,
    inputs: Readonly<Record<I, tf.Tensor>>,
    state: Tensors,
  ) => FunctionResult;
}

/** A network in evaluation mode with its weights: what is attacked. */
export interface Target {
  readonly network: Network;
  readonly classes: number;
  /** Height and width of its images. */
  readonly imageSize: number;
  /**
   * Records functions of the network. The weights, batch norm folded in, are the program's variables, and so is `state`:
   * what stays in the session from call to call. The program is the caller's to free.
   * @param key names all that the functions depend on but the network, their inputs and the state: programs of one key may
   *   be recorded once for many networks of a kind
   */
  program<F extends Record<string, TargetFunction>>(
    functions: F,
    state?: Tensors,
    key?: string,
  ): Program<{ [K in keyof F]: ProgramFunction<keyof F[K]['inputs'] & string> }>;
  /** Frees the weights. Programs that were made stay their makers' to free. */
  dispose(): void;
}

/** The target for attacks on `network`. `weights` are those of training; they stay the caller's. */
export const createTarget = (
  network: Network,
  weights: Tensors,
  options: { readonly eager?: boolean } = {},
): Target => {
  const folded = tf.tidy(() =>
    Object.fromEntries(Object.entries(network.fold(weights)).map(([name, tensor]) => [name, tf.keep(tensor.clone())])),
  );
  return {
    network,
    classes: network.classes,
    imageSize: network.imageSize,
    program: <F extends Record<string, TargetFunction>>(functions: F, state: Tensors = {}, key?: string) =>
      createProgram(
        { ...folded, ...state },
        Object.fromEntries(
          Object.entries(functions).map(([name, { inputs, run }]) => [
            name,
            {
              inputs,
              run: (variables: Tensors, given: Readonly<Record<string, tf.Tensor>>) =>
                run((x) => network.evaluate(variables, x), given, variables),
            },
          ]),
        ) as unknown as { [K in keyof F]: ProgramFunction<keyof F[K]['inputs'] & string> },
        {
          ...options,
          ...(key === undefined
            ? {}
            : {
                key: JSON.stringify([
                  key,
                  identityOfNetwork(network),
                  Object.entries(functions).map(([name, { inputs }]) => [name, inputs]),
                ]),
              }),
        },
      ),
    dispose() {
      for (const tensor of Object.values(folded)) tensor.dispose();
    },
  };
};

/** The images that an attack is given, numbered from 0. They are read when their turn comes: a set need not fit twice. */
export interface Points {
  readonly length: number;
  /** The points of these numbers. `indices` of the batch are positions in the data set: what is drawn depends on them. */
  read(numbers: ArrayLike<number>): Batch;
}

export interface AttackContext {
  readonly rng: Rng;
  /** The most images to hold in one batch. What is found does not depend on it. */
  readonly batchSize: number;
  /**
   * Takes an adversarial image of a point, [H, W, 3] as one array; the array is only lent. Whoever calls the attack clips
   * the image to the ball and to [0, 1] and classifies it by itself: an attack is not trusted.
   */
  readonly report: (point: number, adversarial: Float32Array) => void;
  /** Is told that nothing more will be reported of a point. */
  readonly finished: (point: number) => void;
  readonly progress: Progress;
  /** To be awaited between two calls of TensorFlow: whoever waits for an interrupt, or saves what was found, has a turn. */
  readonly pause: () => Promise<void>;
  /** Takes what the user should know: gradients that are zero, say. */
  readonly warn: (message: string) => void;
}

/**
 * An attack. It treats every point by itself: what it finds for a point depends on the point, its position in the data
 * set and the seed, not on the others.
 */
export interface Attack {
  readonly name: string;
  readonly epsilon: number;
  /** The fewest classes that its loss is defined for. */
  readonly leastClasses?: number;
  /** Made on another network, the surrogate, and only tried on the one that is evaluated: a transfer attack. */
  readonly transfers?: boolean;
  /** Names it with all its parameters: its programs may be recorded once for many networks. One of one's own has none. */
  readonly key?: string;
  run(target: Target, points: Points, context: AttackContext): Promise<void>;
}

/** A target as an attack sees it: programs of an attack with a key are recorded under it. */
export const targetOf = ({ key }: Attack, target: Target): Target =>
  key === undefined ? target : { ...target, program: (functions, state) => target.program(functions, state, key) };

/** Sizes of programs are multiples of this. */
const sizeUnit = 16;

/**
 * The size of the program for `count` points, at most `most` at once: equal batches with the least filling up.
 *
 * It is a multiple of 16, whatever is asked for. The CPU kernels take the samples of a batch in blocks and treat a
 * remainder differently, in the last bits of logits and gradients; among multiples of 16 no difference was found, with
 * AVX2 (where 8 is not enough) and AVX-512, whatever the threads. So what an attack does to an image does not depend on
 * the batch that it is in.
 */
export const programSize = (count: number, most: number): number => {
  const batches = Math.ceil(count / Math.max(most, sizeUnit));
  return sizeUnit * Math.ceil(Math.ceil(count / batches) / sizeUnit);
};

/** The source of randomness of an image of the data set. */
export const imageRng = (rng: Rng, index: number): Rng => rng.fork('image', index);

/** @throws UserError where the network has too few classes for the attack */
export const checkClasses = ({ name, leastClasses = 2 }: Attack, classes: number): void => {
  if (classes < leastClasses) {
    throw new UserError(
      `${name} is defined for ${leastClasses} classes and more, but the network has ${classes}: leave it out.`,
    );
  }
};
