import * as tf from '@tensorflow/tfjs-core';
import { affine } from '../engine/batch-norm.js';
import type { Tensors } from '../engine/gradient.js';
import { UserError } from '../errors.js';
import type { Rng } from '../random.js';
import { findArchitecture } from './catalogue.js';
import { declare, type LayerSummary, type VariableSpec } from './declare.js';
import { evaluationLayers, foldWeights, trainingLayers } from './forward.js';

/** What is subtracted from and divided out of each channel before the first layer, in the order R, G, B. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

export interface NetworkOptions {
  /** Default 10. */
  readonly classes?: number;
  /** Multiplies every number of channels. Default 1. */
  readonly width?: number;
  /** Height and width of the images: 32 or 64. Default 32. */
  readonly imageSize?: number;
  /** Default none: the network sees [0, 1]. */
  readonly normalisation?: Normalisation | undefined;
}

/**
 * A network: functions of its weights. Images are [B, H, W, 3] in [0, 1]; the normalisation is inside. Weights are named
 * as in PyTorch and laid out as `VariableSpec.shape` says.
 */
export interface Network {
  readonly architecture: string;
  readonly classes: number;
  readonly width: number;
  readonly imageSize: number;
  readonly normalisation: Normalisation | undefined;
  /** The state_dict, in PyTorch's order (without num_batches_tracked). */
  readonly variables: readonly VariableSpec[];
  readonly layers: readonly LayerSummary[];
  /** Trainable parameters, as PyTorch counts them. */
  readonly parameters: number;
  /** The variables that an optimiser moves. */
  readonly trainable: readonly string[];
  /**
   * A pass in training mode: batch norm by the batch's statistics.
   * @returns logits [B, classes], and the running statistics' new values by name
   */
  train(weights: Tensors, x: tf.Tensor4D): { logits: tf.Tensor2D; statistics: Tensors };
  /** The weights that `evaluate` takes: batch norm folded in. Worth doing once for many passes. */
  fold(weights: Tensors): Tensors;
  /** A pass in evaluation mode. @returns logits [B, classes] */
  evaluate(folded: Tensors, x: tf.Tensor4D): tf.Tensor2D;
  /** Fresh weights. They belong to the caller. */
  initialise(rng: Rng): Record<string, tf.Tensor>;
}

/** What tells the functions of networks apart: those of the same are the same, whatever the weights. */
export const identityOfNetwork = ({
  architecture,
  classes,
  width,
  imageSize,
  normalisation,
}: Network): readonly unknown[] => [architecture, classes, width, imageSize, normalisation ?? null];

/** A network with weights, by PyTorch's names. */
export interface WeightedNetwork {
  readonly network: Network;
  readonly weights: Tensors;
}

const positive = (what: string, value: number, whole: boolean): void => {
  if (!(value > 0) || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
    throw new UserError(`${what} is ${value}, but a positive ${whole ? 'whole ' : ''}number is wanted.`);
  }
};

/**
 * The network of that name (`ciard models` lists them).
 * @throws UserError where the name is not known or an option is out of its range
 */
export const createNetwork = (
  name: string,
  { classes = 10, width = 1, imageSize = 32, normalisation }: NetworkOptions = {},
): Network => {
  const architecture = findArchitecture(name);
  positive('the number of classes', classes, true);
  positive('the width multiplier', width, false);
  positive('the image size', imageSize, true);
  if (normalisation && !normalisation.std.every((value) => value > 0)) {
    throw new UserError(`the standard deviations are ${normalisation.std.join(', ')}, but each must be positive.`);
  }
  const scaled = (channels: number): number => Math.max(1, Math.round(channels * width));
  const declaration = declare(architecture, { classes, scaled, imageSize });
  const { variables, layers } = declaration;
  const isTrainable = ({ role }: VariableSpec): boolean => !role.startsWith('running');

  const normalise = (x: tf.Tensor4D): tf.Tensor4D => {
    if (!normalisation) return x;
    const scale = normalisation.std.map((value) => 1 / value);
    return affine(x, tf.tensor1d(scale), tf.tensor1d(normalisation.mean.map((value, i) => -value * scale[i]!)));
  };

  return {
    architecture: architecture.name,
    classes,
    width,
    imageSize,
    normalisation,
    variables,
    layers,
    parameters: variables
      .filter(isTrainable)
      .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    trainable: variables.filter((variable) => variable.used && isTrainable(variable)).map((variable) => variable.name),
    train(weights, x) {
      const statistics: Record<string, tf.Tensor> = {};
      const logits = architecture.body(trainingLayers(weights, statistics), normalise(x), {
        classes,
        scaled,
      });
      return { logits: logits as tf.Tensor2D, statistics };
    },
    fold: (weights) => foldWeights(declaration, weights),
    evaluate: (folded, x) =>
      architecture.body(evaluationLayers(folded), normalise(x), { classes, scaled }) as tf.Tensor2D,
    initialise: (rng) =>
      Object.fromEntries(
        variables.map((variable) => [
          variable.name,
          tf.tensor(initialValues(variable, architecture.initialisation, rng.fork(variable.name)), [...variable.shape]),
        ]),
      ),
  };
};

const initialValues = (
  { kind, role, shape, torchShape, fanIn }: VariableSpec,
  initialisation: 'uniform' | 'he-fan-out' | 'he-fan-in',
  rng: Rng,
): Float32Array => {
  const size = shape.reduce((product, length) => product * length, 1);
  if (role === 'norm-weight' || role === 'running-variance') return new Float32Array(size).fill(1);
  if (role === 'norm-bias' || role === 'running-mean') return new Float32Array(size);
  if (role === 'weight' && kind !== 'linear' && initialisation !== 'uniform') {
    const units = initialisation === 'he-fan-in' ? fanIn : torchShape[0]! * torchShape[2]! * torchShape[3]!;
    return rng.normals(size, Math.sqrt(2 / units));
  }
  if (role === 'bias' && initialisation === 'he-fan-out') return new Float32Array(size);
  const bound = 1 / Math.sqrt(fanIn);
  return rng.uniforms(size, -bound, bound);
};
