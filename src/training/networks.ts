import type * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/gradient.js';
import { UserError } from '../errors.js';
import type { Method, Networks, Pass } from '../methods/method.js';
import type { Network, WeightedNetwork } from '../models/network.js';
import { prefixed, under } from './names.js';

export interface TrainingNetworks {
  readonly student: WeightedNetwork;
  readonly cleanTeacher?: WeightedNetwork | undefined;
  readonly robustTeacher?: WeightedNetwork | undefined;
}

/** @throws UserError where a teacher that the method needs is not given, or tells other classes apart than the student */
export const checkTeachers = (method: Method, { student, cleanTeacher, robustTeacher }: TrainingNetworks): void => {
  for (const [who, teacher] of [
    ['clean', cleanTeacher],
    ['robust', robustTeacher],
  ] as const) {
    if (method.teachers[who] && !teacher) {
      throw new UserError(
        `${method.name} needs a ${who} teacher, but none is given: name its checkpoint by --${who}-teacher FILE.`,
      );
    }
    if (teacher && teacher.network.classes !== student.network.classes) {
      throw new UserError(
        `the ${who} teacher tells ${teacher.network.classes} classes apart, but the student ${student.network.classes}.`,
      );
    }
  }
};

/** A pass on a network's raw weights; the running statistics that it moves are collected in `moved`. */
const rawPass = (network: Network, weights: Tensors, moved: Record<string, tf.Tensor>): Pass => ({
  train(x, { statistics: counted = true } = {}) {
    const { logits, statistics } = network.train({ ...weights, ...moved }, x);
    if (counted) Object.assign(moved, statistics);
    return logits;
  },
  evaluate: (x) => network.evaluate(network.fold({ ...weights, ...moved }), x),
});

const absent = (who: string, method: Method): Pass => {
  const fail = (): never => {
    throw new Error(`${method.name}: it uses the ${who}, but does not list it among its teachers`);
  };
  return { train: fail, evaluate: fail };
};

/** What a teacher that is never in training mode may do. */
const frozenPass = (who: string, network: Network, folded: Tensors, method: Method): Pass => ({
  ...absent(`${who} in training mode`, method),
  evaluate: (x) => network.evaluate(folded, x),
});

/** The networks as one function of a program sees them. */
export interface NetworksInFunction extends Networks {
  /** The student's running statistics that the function moved so far, by their own names. */
  readonly studentMoved: Tensors;
  /** Those of all networks, by the program's names: updates of the function. */
  moved(): Record<string, tf.Tensor>;
}

/**
 * How the student's `evaluate` passes: on its raw weights, folded there; on the weights that were folded before; or, for an
 * attack in training mode, as in training.
 */
export type StudentEvaluates = 'raw' | 'folded' | 'training';

/** The networks of a training program, made from its variables. */
export const networksOver =
  (method: Method, { student, cleanTeacher, robustTeacher }: TrainingNetworks) =>
  (variables: Tensors, studentEvaluates: StudentEvaluates): NetworksInFunction => {
    const studentMoved: Record<string, tf.Tensor> = {};
    const teacherMoved: Record<string, tf.Tensor> = {};
    const raw = rawPass(student.network, under('student/', variables), studentMoved);
    const evaluate = {
      raw: (x: tf.Tensor4D) => raw.evaluate(x),
      folded: (x: tf.Tensor4D) => student.network.evaluate(under('student.folded/', variables), x),
      training: (x: tf.Tensor4D) => raw.train(x),
    }[studentEvaluates];
    const frozen = (who: 'cleanTeacher' | 'robustTeacher', title: string, teacher: WeightedNetwork): Pass =>
      frozenPass(title, teacher.network, under(`${who}.folded/`, variables), method);
    const robust = method.teachers.robust;
    return {
      student: { train: (x, options) => raw.train(x, options), evaluate },
      cleanTeacher:
        cleanTeacher && method.teachers.clean
          ? frozen('cleanTeacher', 'clean teacher', cleanTeacher)
          : absent('clean teacher', method),
      robustTeacher:
        robustTeacher && robust === 'frozen'
          ? frozen('robustTeacher', 'robust teacher', robustTeacher)
          : robustTeacher && robust === 'training-mode'
            ? rawPass(robustTeacher.network, under('robustTeacher/', variables), teacherMoved)
            : absent('robust teacher', method),
      studentMoved,
      moved: () => ({ ...prefixed('student/', studentMoved), ...prefixed('robustTeacher/', teacherMoved) }),
    };
  };
