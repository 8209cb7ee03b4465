import * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';
import { createProgram, type Program, type ProgramFunction } from '../engine/program.js';
import { readOut } from '../engine/read-out.js';
import type { Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import { identityOfNetwork, type WeightedNetwork } from '../models/network.js';
import { checkTeachers, networksOver, type TrainingNetworks } from './networks.js';
import { sgd } from './sgd.js';
import {
  ascendFunction,
  averageFunction,
  averagingShare,
  beginFunction,
  foldStudent,
  holdFunction,
  prefixPhase,
  prepare,
  stepFunction,
  type StepParts,
} from './step-functions.js';
import { validationFunctions } from './validation-functions.js';
import { firstValues, isLasting } from './variables.js';

export interface TrainingProgramOptions {
  readonly method: Method;
  readonly recipe: Recipe;
  readonly networks: TrainingNetworks;
  /** The sizes of batches that occur: the recipe's, and that of a last partial one. Validation runs at the first. */
  readonly batchSizes: readonly number[];
  readonly eager?: boolean | undefined;
}

/** A batch as it is let in. */
export interface TrainingBatch {
  /** [B, H, W, 3] in [0, 1] */
  readonly x: tf.Tensor4D;
  /** [B] int32 */
  readonly labels: tf.Tensor1D;
  /** The noise of the attack's start, [B, H, W, 3]: where there is an attack, and its start is not 'clean'. */
  readonly noise?: tf.Tensor4D | undefined;
}

/**
 * A method made into one program: its networks, what its optimisers remember, its numbers and the batch at work are
 * variables of one session. A step is `begin`, `ascend` as often as the attack steps, `step`.
 */
export interface TrainingProgram {
  /** Sets what changes by the epoch: the method's scalars and the learning rates. */
  beginEpoch(values: {
    readonly scalars: Readonly<Record<string, number>>;
    readonly rates: { readonly student: number; readonly robustTeacher: number };
  }): void;
  /** Lets a batch in, prepared for the attack; in the natural prefix (`hold`) as it is. */
  begin(batch: TrainingBatch): void;
  hold(batch: TrainingBatch): void;
  /** One step of the inner maximisation. */
  ascend(): void;
  /** Loss, gradients and the optimisers' steps. Returns the loss's terms. */
  step(phase: string): Record<string, number>;
  /** Moves the average of the student's weights, where the recipe has one, after the step `step` (from 1) of the run. */
  average(step: number): void;
  /** Folds the weights of the student, or their average: what validation looks at. */
  fold(): void;
  /** Lets a batch in for validation. Returns the student's logits on x, [B, C]. */
  beginValidation(batch: TrainingBatch): Float32Array;
  /** One step of validation's attack. */
  ascendValidation(): void;
  /** Logits on the images that the attack has reached, [B, C]. */
  endValidation(): { readonly student: Float32Array; readonly robustTeacher?: Float32Array };
  /** The weights of a trained network (the student's average, where there is one), by PyTorch's names: the caller's. */
  weights(who: 'student' | 'robustTeacher'): Record<string, tf.Tensor>;
  /** Everything that changes while it trains, by the program's names: what a checkpoint holds. */
  snapshot(): Record<string, tf.Tensor>;
  /** Sets variables, by the program's names. */
  restore(values: Tensors): void;
  dispose(): void;
}

/** The functions of a program, by their names: those of a batch end in '@' and its size. */
const functionsOf = (parts: StepParts, batchSizes: readonly number[]): Record<string, ProgramFunction> => {
  const { method, recipe, networks } = parts;
  const outcome = recipe.averaging ? 'average/' : 'student/';
  const functions: Record<string, ProgramFunction> = {
    fold: { inputs: {}, run: (variables) => ({ updates: foldStudent(networks, variables, { from: outcome }) }) },
    ...(recipe.averaging ? { average: averageFunction } : {}),
  };
  const { precision } = recipe;
  for (const size of batchSizes) {
    functions[`begin@${size}`] = { ...beginFunction(parts, size), precision };
    if (method.ascend) functions[`ascend@${size}`] = { ...ascendFunction(parts, method.ascend, size), precision };
    for (const phase of method.phases ?? ['train']) {
      functions[`step ${phase}@${size}`] = { ...stepFunction(parts, phase, size), precision };
    }
    if (recipe.naturalPrefix > 0) {
      functions[`hold@${size}`] = holdFunction(parts, size);
      functions[`step ${prefixPhase}@${size}`] = { ...stepFunction(parts, prefixPhase, size), precision };
    }
  }
  // Validation is an evaluation: in float32.
  for (const [name, definition] of Object.entries(validationFunctions(parts, batchSizes[0]!))) {
    functions[`validation ${name}`] = definition;
  }
  return functions;
};

/** Variables for what the method prepares: its shapes are found by a trial on the variables' first values. */
const preparedValues = (
  parts: StepParts,
  variables: Tensors,
  batchSizes: readonly number[],
): Record<string, tf.Tensor> => {
  const { imageSize } = parts.networks.student.network;
  const inFunction = networksOver(parts.method, parts.networks)(variables, 'folded');
  const trials = batchSizes.map((size) =>
    prepare(parts, inFunction, variables, {
      x: tf.zeros([size, imageSize, imageSize, 3]),
      labels: tf.zeros([size], 'int32'),
    }),
  );
  return Object.assign({}, ...trials) as Record<string, tf.Tensor>;
};

/** Methods by number: two of one name may be of different code. */
const methodNumbers = new WeakMap<Method, number>();
let methodsSeen = 0;

/** Names all that the functions of a training are made of, but their variables. */
const keyOf = ({ method, recipe, networks, batchSizes }: TrainingProgramOptions): string => {
  const number = methodNumbers.get(method) ?? ++methodsSeen;
  methodNumbers.set(method, number);
  const { student, cleanTeacher, robustTeacher } = networks;
  const identities = [student, cleanTeacher, robustTeacher].map((each) => each && identityOfNetwork(each.network));
  return JSON.stringify(['training', method.name, number, recipe, identities, batchSizes]);
};

const numbersOf = (tensors: Tensors): Record<string, number> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.dataSync()[0]!]));

/** The functions of a method recorded over its networks, and the names of the variables that outlive a step. */
const recorded = (
  options: TrainingProgramOptions,
): { program: Program<Record<string, ProgramFunction>>; lasting: readonly string[] } => {
  const { method, recipe, networks, batchSizes, eager } = options;
  const optimisers = {
    student: sgd(recipe.optimiser),
    robustTeacher: recipe.teacherOptimiser && sgd(recipe.teacherOptimiser),
  };
  const parts = { method, recipe, networks, optimisers };
  const scalars = method.scalars?.({ progress: 0, settings: recipe.settings, validations: [] }) ?? {};
  const initial = tf.tidy(() => {
    const variables = firstValues({ ...parts, batchSizes, scalars });
    const all = { ...variables, ...preparedValues(parts, variables, batchSizes) };
    // Copies: among the first values are the caller's own tensors.
    return Object.fromEntries(Object.entries(all).map(([name, tensor]) => [name, tensor.clone()]));
  });
  try {
    const program = createProgram(initial, functionsOf(parts, batchSizes), {
      key: keyOf(options),
      ...(eager === undefined ? {} : { eager }),
    });
    return { program, lasting: Object.keys(initial).filter(isLasting) };
  } finally {
    tf.dispose(initial);
  }
};

/**
 * Records a method's step for its networks. Their weights stay the caller's.
 * @throws UserError where a teacher that the method needs is not given, or the method's objective names no loss
 */
export const createTrainingProgram = (options: TrainingProgramOptions): TrainingProgram => {
  const { method, recipe, networks, batchSizes } = options;
  checkTeachers(method, networks);
  const { program, lasting } = recorded(options);
  const trained = { student: networks.student, robustTeacher: networks.robustTeacher };
  const idle = idleVariables(trained);
  let size = batchSizes[0]!;
  const given = ({ x, labels, noise }: TrainingBatch): Tensors => ({ x, labels, ...(noise ? { noise } : {}) });
  const enter = (name: string, batch: TrainingBatch): void => {
    size = batch.x.shape[0];
    program.call(`${name}@${size}`, given(batch));
  };
  const logitsOf = (name: string, inputs: Tensors): Record<string, Float32Array> =>
    readOut(() =>
      Object.fromEntries(
        Object.entries(program.call(name, inputs)).map(([who, logits]) => [who, logits.dataSync() as Float32Array]),
      ),
    );

  return {
    beginEpoch({ scalars: values, rates }) {
      tf.tidy(() => {
        const numbers = { ...prefixedNumbers('scalar/', values), ...prefixedNumbers('rate/', rates) };
        program.write(Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, tf.scalar(value)])));
      });
    },
    begin(batch) {
      enter('begin', batch);
    },
    hold(batch) {
      enter('hold', batch);
    },
    ascend() {
      program.call(`ascend@${size}`, {});
    },
    step: (phase) => readOut(() => numbersOf(program.call(`step ${phase}@${size}`, {}))),
    average(step) {
      if (!recipe.averaging) return;
      const share = averagingShare(recipe.averaging.decay, step);
      tf.tidy(() => program.call('average', { share: tf.scalar(share) }));
    },
    fold() {
      program.call('fold', {});
    },
    beginValidation: (batch) => logitsOf('validation enter', given(batch))['student']!,
    ascendValidation() {
      program.call('validation ascend', {});
    },
    endValidation() {
      const { student, robustTeacher } = logitsOf('validation outcome', {});
      return { student: student!, ...(robustTeacher ? { robustTeacher } : {}) };
    },
    weights(who) {
      const { network } = trained[who]!;
      const path = who === 'robustTeacher' ? 'robustTeacher/' : recipe.averaging ? 'average/' : 'student/';
      const names = network.variables.filter(({ used }) => used).map(({ name }) => path + name);
      const values = program.read(names);
      return Object.fromEntries(
        network.variables.map(({ name, used }) => [
          name,
          used ? values[path + name]! : idle[`${who}/${name}`]!.clone(),
        ]),
      );
    },
    snapshot: () => program.read(lasting),
    restore(values) {
      program.write(values);
    },
    dispose() {
      program.dispose();
      tf.dispose(idle);
    },
  };
};

/** Copies of the variables that a network never computes with: they stay outside of the program, and go out as they came. */
const idleVariables = (networks: Readonly<Record<string, WeightedNetwork | undefined>>): Record<string, tf.Tensor> =>
  Object.fromEntries(
    Object.entries(networks).flatMap(([who, weighted]) =>
      (weighted?.network.variables ?? [])
        .filter(({ used }) => !used)
        .map(({ name }) => [`${who}/${name}`, tf.keep(weighted!.weights[name]!.clone())] as const),
    ),
  );

const prefixedNumbers = (prefix: string, values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
