import * as tf from '@tensorflow/tfjs-core';
import '../../src/engine/backend.js';
import type { Method, Pass, StepContext } from '../../src/methods/method.js';
import type { Settings } from '../../src/methods/recipe.js';

/** A network that is a table: it answers each of the images that it knows with given logits, in either mode. */
export const answering = (answers: ReadonlyMap<tf.Tensor, tf.Tensor2D>): Pass => {
  const answer = (x: tf.Tensor4D): tf.Tensor2D => {
    const logits = answers.get(x);
    if (!logits) throw new Error('there is no answer to these images');
    return logits;
  };
  return { train: answer, evaluate: answer };
};

/** A linear classifier of the pixels, the same in either mode. `weights`: [pixels, C]. */
export const linear = (weights: tf.Tensor2D): Pass => {
  const pass = (x: tf.Tensor4D): tf.Tensor2D =>
    tf.matMul(tf.reshape<tf.Rank.R2>(x, [x.shape[0], weights.shape[0]]), weights);
  return { train: pass, evaluate: pass };
};

const missing = (who: string): Pass => {
  const fail = (): never => {
    throw new Error(`the method uses the ${who}`);
  };
  return { train: fail, evaluate: fail };
};

export interface Given {
  readonly student: Pass;
  readonly cleanTeacher?: Pass;
  readonly robustTeacher?: Pass;
  readonly x: tf.Tensor4D;
  readonly labels: tf.Tensor1D;
  readonly settings?: Settings;
  readonly labelSmoothing?: number;
  /** In place of the state's first values. */
  readonly state?: Readonly<Record<string, number>>;
}

const scalarsOf = (values: Readonly<Record<string, number>> = {}): Record<string, tf.Scalar> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tf.scalar(value)]));

/** What a method's functions see of a step with these networks. Teachers that it does not list are not there. */
export const contextOf = (method: Method, given: Given): StepContext => {
  const settings = { ...method.recipe.settings, ...given.settings };
  const context = {
    student: given.student,
    cleanTeacher: (method.teachers.clean && given.cleanTeacher) ?? missing('clean teacher'),
    robustTeacher: (method.teachers.robust && given.robustTeacher) ?? missing('robust teacher'),
    x: given.x,
    labels: given.labels,
    state: scalarsOf({ ...method.state, ...given.state }),
    scalars: scalarsOf(method.scalars?.({ progress: 0, settings, validations: [] })),
    labelSmoothing: given.labelSmoothing ?? 0,
    settings,
  };
  return { ...context, prepared: method.prepare?.(context) ?? {} };
};

/** A method's phases, each with an epoch's objective of its own. */
export const phasesOf = (method: Method): readonly string[] => method.phases ?? ['train'];
