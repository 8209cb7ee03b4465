import * as tf from '@tensorflow/tfjs-core';
import { batchVariables } from '../attacks/batch-variables.js';
import type { Tensors } from '../engine/gradient.js';
import type { Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Network, WeightedNetwork } from '../models/network.js';
import { prefixed } from './names.js';
import type { TrainingNetworks } from './networks.js';
import type { Optimiser } from './optimiser.js';

/** The path of what belongs to the batches of one size. */
export const batchPath = (size: number): string => `batch@${size}/`;

/** The trainable variables of a network, by the program's names. */
export const trainableOf = (prefix: string, { trainable }: Network, weights: Tensors): Record<string, tf.Tensor> =>
  Object.fromEntries(trainable.map((name) => [prefix + name, weights[name]!]));

/** The weights that a network computes with, by their own names. */
const used = ({ network, weights }: WeightedNetwork): Record<string, tf.Tensor> =>
  Object.fromEntries(network.variables.filter((spec) => spec.used).map(({ name }) => [name, weights[name]!]));

const scalars = (values: Readonly<Record<string, number>>): Record<string, tf.Tensor> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tf.scalar(value)]));

export interface FirstValues {
  readonly method: Method;
  readonly recipe: Recipe;
  readonly networks: TrainingNetworks;
  readonly optimisers: { readonly student: Optimiser; readonly robustTeacher: Optimiser | null };
  readonly batchSizes: readonly number[];
  /** The method's scalars at the beginning of the run. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** Everything that lies in a training program's session, with its first values. To be called in a `tf.tidy`. */
export const firstValues = ({
  method,
  recipe,
  networks: { student, cleanTeacher, robustTeacher },
  optimisers,
  batchSizes,
  scalars: scalarValues,
}: FirstValues): Record<string, tf.Tensor> => {
  const size = student.network.imageSize;
  const variables: Record<string, tf.Tensor> = {
    ...prefixed('student/', used(student)),
    ...prefixed('student.folded/', student.network.fold(student.weights)),
    ...optimisers.student.init(trainableOf('student/', student.network, student.weights)),
    ...(recipe.averaging ? prefixed('average/', used(student)) : {}),
    ...prefixed('state/', scalars(method.state ?? {})),
    ...prefixed('scalar/', scalars(scalarValues)),
    ...prefixed('rate/', scalars({ student: 0, robustTeacher: 0 })),
  };
  for (const batch of batchSizes) {
    Object.assign(variables, prefixed(batchPath(batch), { ...batchVariables([batch, size, size, 3]) }));
  }
  if (cleanTeacher && method.teachers.clean) {
    Object.assign(variables, prefixed('cleanTeacher.folded/', cleanTeacher.network.fold(cleanTeacher.weights)));
  }
  if (robustTeacher && method.teachers.robust === 'frozen') {
    Object.assign(variables, prefixed('robustTeacher.folded/', robustTeacher.network.fold(robustTeacher.weights)));
  }
  if (robustTeacher && method.teachers.robust === 'training-mode') {
    Object.assign(variables, prefixed('robustTeacher/', used(robustTeacher)));
    const trained = trainableOf('robustTeacher/', robustTeacher.network, robustTeacher.weights);
    Object.assign(variables, optimisers.robustTeacher?.init(trained) ?? {});
  }
  return variables;
};

/** Whether a variable outlives a step: what is folded, the batch, and what is set at the beginning of an epoch do not. */
export const isLasting = (name: string): boolean => !/^(batch@|scalar\/|rate\/|\w+\.folded\/)/.test(name);
