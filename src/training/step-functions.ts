import * as tf from '@tensorflow/tfjs-core';
import { batchInputs, enterBatch, type AttackedBatch } from '../attacks/batch-variables.js';
import { signStepWith } from '../attacks/sign-step.js';
import { gradients, type Tensors } from '../engine/gradient.js';
import type { FunctionResult, ProgramFunction } from '../engine/program.js';
import { UserError } from '../errors.js';
import { meanCrossEntropy } from '../methods/losses.js';
import type { Method, Objective, StepContext } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import { prefixed, under } from './names.js';
import { networksOver, type NetworksInFunction, type TrainingNetworks } from './networks.js';
import type { Optimiser } from './optimiser.js';
import { batchPath, trainableOf } from './variables.js';

/** The phase of the steps that a recipe's `naturalPrefix` puts before the method's own. */
export const prefixPhase = 'natural prefix';

export interface StepParts {
  readonly method: Method;
  readonly recipe: Recipe;
  readonly networks: TrainingNetworks;
  readonly optimisers: { readonly student: Optimiser; readonly robustTeacher: Optimiser | null };
}

/** What a method's functions see, in a function of the program. */
const contextOf = (
  { recipe }: StepParts,
  networks: NetworksInFunction,
  variables: Tensors,
  { x, labels }: { readonly x: tf.Tensor4D; readonly labels: tf.Tensor1D },
): Omit<StepContext, 'prepared'> => ({
  student: networks.student,
  cleanTeacher: networks.cleanTeacher,
  robustTeacher: networks.robustTeacher,
  x,
  labels,
  state: under('state/', variables),
  scalars: under('scalar/', variables),
  labelSmoothing: recipe.labelSmoothing,
  settings: recipe.settings,
});

const batchOf = (size: number, variables: Tensors): AttackedBatch =>
  under(batchPath(size), variables) as unknown as AttackedBatch;

/** The student's weights folded, as `student.folded/` has them. `from`: the path of the raw ones. */
export const foldStudent = (
  { student }: TrainingNetworks,
  variables: Tensors,
  { from = 'student/', moved = {} }: { readonly from?: string; readonly moved?: Tensors } = {},
): Record<string, tf.Tensor> =>
  prefixed('student.folded/', student.network.fold({ ...under(from, variables), ...moved }));

/** What a method prepares of a batch, by the program's names. To be called in a `tf.tidy`, for its shapes. */
export const prepare = (
  parts: StepParts,
  networks: NetworksInFunction,
  variables: Tensors,
  batch: { readonly x: tf.Tensor4D; readonly labels: tf.Tensor1D },
): Record<string, tf.Tensor> =>
  prefixed(
    `${batchPath(batch.x.shape[0])}prepared/`,
    parts.method.prepare?.(contextOf(parts, networks, variables, batch)) ?? {},
  );

/** Lets a batch in: the attack's start, what the method prepares, and the student's weights folded for the attack. */
export const beginFunction = (parts: StepParts, size: number): ProgramFunction => {
  const { method, recipe, networks } = parts;
  const imageSize = networks.student.network.imageSize;
  const start = method.ascend ? recipe.attack.start : 'clean';
  return {
    inputs: batchInputs(start, [size, imageSize, imageSize, 3]),
    run(variables, inputs) {
      const batch = enterBatch(start, inputs);
      // Not 'folded': those weights are from before the last step until this function has run.
      const inFunction = networksOver(method, networks)(variables, 'raw');
      const prepared = prepare(parts, inFunction, variables, batch);
      const folds = method.ascend && recipe.attack.mode === 'evaluation';
      return {
        updates: {
          ...prefixed(batchPath(size), { ...batch }),
          ...prepared,
          ...inFunction.moved(),
          ...(folds ? foldStudent(networks, variables, { moved: inFunction.studentMoved }) : {}),
        },
      };
    },
  };
};

/** Lets a batch in for a step of the natural prefix. */
export const holdFunction = ({ networks }: StepParts, size: number): ProgramFunction => {
  const imageSize = networks.student.network.imageSize;
  return {
    inputs: batchInputs('clean', [size, imageSize, imageSize, 3]),
    run: (_variables, inputs) => ({ updates: prefixed(batchPath(size), { ...enterBatch('clean', inputs) }) }),
  };
};

/** One step of the inner maximisation of the batch that was let in. */
export const ascendFunction = (
  parts: StepParts,
  ascend: NonNullable<Method['ascend']>,
  size: number,
): ProgramFunction => {
  const { method, recipe, networks } = parts;
  return {
    inputs: {},
    run(variables) {
      const inFunction = networksOver(method, networks)(
        variables,
        recipe.attack.mode === 'training' ? 'training' : 'folded',
      );
      const batch = batchOf(size, variables);
      const context = {
        ...contextOf(parts, inFunction, variables, batch),
        prepared: under(`${batchPath(size)}prepared/`, variables),
      };
      const { adversarial, aux } = signStepWith(
        (image) => ({ values: ascend(image, context), aux: inFunction.moved() }),
        batch,
        recipe.attack,
      );
      return { updates: { ...aux, [`${batchPath(size)}adversarial`]: adversarial } };
    },
  };
};

const naturalObjective = ({ student, x, labels, labelSmoothing }: StepContext): Objective => {
  const loss = meanCrossEntropy(student.train(x), labels, labelSmoothing);
  return { student: loss, terms: { loss } };
};

/** @throws UserError where an objective is not what its method says of it */
const checkObjective = ({ name, retrains = [] }: Method, phase: string, objective: Objective): void => {
  if (!objective.terms['loss']) {
    throw new UserError(
      `${name}: its objective names the terms ${Object.keys(objective.terms).join(', ') || '(none)'}, but the loss itself ` +
        'is wanted among them, as "loss".',
    );
  }
  if ((objective.robustTeacher !== undefined) !== retrains.includes(phase)) {
    throw new UserError(
      `${name}: its objective has ${objective.robustTeacher ? 'a' : 'no'} loss of the robust teacher in the phase ` +
        `"${phase}", but its "retrains" names ${retrains.join(', ') || 'no phase'}.`,
    );
  }
};

/** Loss, gradients and the optimisers' steps on the batch that was let in. Its outputs are the loss's terms. */
export const stepFunction = (parts: StepParts, phase: string, size: number): ProgramFunction => {
  const { method, recipe, networks, optimisers } = parts;
  const { student, robustTeacher } = networks;
  const { lossWeight } = recipe;
  const objectiveIn = (inFunction: NetworksInFunction, variables: Tensors): Objective => {
    const batch = batchOf(size, variables);
    const prepared = under(`${batchPath(size)}prepared/`, variables);
    const context = { ...contextOf(parts, inFunction, variables, batch), prepared };
    if (phase === prefixPhase) return naturalObjective(context);
    const objective = method.objective(batch.adversarial, context, phase);
    checkObjective(method, phase, objective);
    return lossWeight === undefined ? objective : { ...objective, student: tf.mul(objective.student, lossWeight) };
  };
  return {
    inputs: {},
    run(variables): FunctionResult {
      const inFunction = networksOver(method, networks)(variables, 'raw');
      const result = gradients(
        () => {
          const objective = objectiveIn(inFunction, variables);
          return {
            // One backward pass serves both: neither loss depends on the other's weights.
            value: objective.robustTeacher ? tf.add(objective.student, objective.robustTeacher) : objective.student,
            aux: {
              ...prefixed('moved/', inFunction.moved()),
              ...prefixed('term/', objective.terms),
              ...prefixed('state/', objective.state ?? {}),
            },
          };
        },
        {
          ...trainableOf('student/', student.network, under('student/', variables)),
          ...(robustTeacher && method.retrains?.includes(phase)
            ? trainableOf('robustTeacher/', robustTeacher.network, under('robustTeacher/', variables))
            : {}),
        },
        { optional: true },
      );
      const stepOf = (who: 'student' | 'robustTeacher'): FunctionResult['updates'] => {
        const own = Object.entries(result.gradients).filter(([name]) => name.startsWith(`${who}/`));
        return optimisers[who]?.update(variables, Object.fromEntries(own), variables[`rate/${who}`]!);
      };
      return {
        outputs: under('term/', result.aux),
        updates: {
          ...under('moved/', result.aux),
          ...prefixed('state/', under('state/', result.aux)),
          ...stepOf('student'),
          ...stepOf('robustTeacher'),
        },
      };
    },
  };
};

/** Moves the average of the student's weights. A function of its own, since it is to see the weights after the step. */
export const averageFunction: ProgramFunction = {
  inputs: { share: { shape: [] } },
  run: (variables, { share }) => ({
    updates: Object.fromEntries(
      Object.entries(under('average/', variables)).map(([name, average]) => [
        `average/${name}`,
        tf.add(average, tf.mul(tf.sub(variables[`student/${name}`]!, average), share!)),
      ]),
    ),
  }),
};

/** 1 − d of the average's rule (`averaging` of a recipe says it), for the step `step`, from 1. */
export const averagingShare = (decay: number, step: number): number => 1 - Math.min(decay, (1 + step) / (10 + step));
