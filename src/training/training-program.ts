import * as tf from '@tensorflow/tfjs-core';
import { crossEntropyLoss } from '../attacks/attack-losses.js';
import { moveAlongSign, signStep } from '../attacks/sign-step.js';
import { gradients, type Tensors } from '../engine/gradient.js';
import {
  createProgram,
  type FunctionResult,
  type Program,
  type ProgramFunction,
  type TensorSpec,
} from '../engine/program.js';
import { UserError } from '../errors.js';
import { meanCrossEntropy } from '../methods/losses.js';
import type { Method, Networks, Objective, Pass, StepContext } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Network, WeightedNetwork } from '../models/network.js';
import { sgd } from './sgd.js';

export interface TrainingNetworks {
  readonly student: WeightedNetwork;
  readonly cleanTeacher?: WeightedNetwork | undefined;
  readonly robustTeacher?: WeightedNetwork | undefined;
}

export interface TrainingProgramOptions {
  readonly method: Method;
  readonly recipe: Recipe;
  readonly networks: TrainingNetworks;
  /** The sizes of batches that occur: the recipe's, and that of a last partial one. */
  readonly batchSizes: readonly number[];
  readonly eager?: boolean;
}

/** A batch on its way through a step. */
export interface TrainingBatch {
  readonly x: tf.Tensor4D;
  readonly labels: tf.Tensor1D;
}

/** A method made into one program: its networks, momentum buffers and numbers are variables of one session. */
export interface TrainingProgram {
  /** Runs before the attack: what the method prepares, and the student's weights folded for the attack. */
  prepare(batch: TrainingBatch, scalars: Tensors): Tensors;
  /** One step of the inner maximisation. */
  ascend(batch: TrainingBatch, adversarial: tf.Tensor4D, prepared: Tensors, scalars: Tensors): tf.Tensor4D;
  /** Loss, gradients and the optimisers' steps. Returns the loss's terms, scalars. */
  step(
    phase: string,
    batch: TrainingBatch,
    adversarial: tf.Tensor4D,
    prepared: Tensors,
    scalars: Tensors,
    rates: { readonly student: number; readonly robustTeacher: number },
  ): Tensors;
  /** Moves the average of the student's weights, where the recipe has one, after the step `steps` (from 1) of the run. */
  average(steps: number): void;
  /** Folds the weights of the student, or their average, for `logits` and `attackStep`. */
  fold(): void;
  /** The student's logits in evaluation mode, at the first of the batch sizes. */
  logits(x: tf.Tensor4D): tf.Tensor2D;
  /** A sign step of cross-entropy, of size ε/4, against the student in evaluation mode, at the first of the batch sizes. */
  attackStep(batch: TrainingBatch, adversarial: tf.Tensor4D): tf.Tensor4D;
  /** The weights of a trained network (the student's average, where there is one), by PyTorch's names: the caller's. */
  weights(who: 'student' | 'robustTeacher'): Record<string, tf.Tensor>;
  /** Everything that changes while it trains, by the program's names: what a checkpoint holds. */
  snapshot(): Record<string, tf.Tensor>;
  restore(values: Tensors): void;
  dispose(): void;
}

const prefixed = (prefix: string, tensors: Tensors): Record<string, tf.Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));

/** Those of `tensors` whose names begin with `prefix`, without it. */
const under = (prefix: string, tensors: Tensors): Record<string, tf.Tensor> =>
  Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );

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

/** The phase of the steps that a recipe's `naturalPrefix` puts before the method's own. */
export const prefixPhase = 'natural prefix';

const naturalObjective = ({ student, x, labels, labelSmoothing }: StepContext): Objective => {
  const loss = meanCrossEntropy(student.train(x), labels, labelSmoothing);
  return { student: loss, terms: { loss } };
};

const scalarSpecs = (names: readonly string[]): Record<string, TensorSpec> =>
  Object.fromEntries(names.map((name) => [name, { shape: [] }]));

/**
 * Records a method's step for its networks.
 * @param scalarNames the names of what `method.scalars` returns
 * @throws UserError where a teacher that the method needs is not given
 */
export const createTrainingProgram = (
  { method, recipe, networks, batchSizes, eager }: TrainingProgramOptions,
  scalarNames: readonly string[],
): TrainingProgram => {
  const { student, cleanTeacher, robustTeacher } = networks;
  for (const [who, teacher, flag] of [
    ['clean', cleanTeacher, '--clean-teacher'],
    ['robust', robustTeacher, '--robust-teacher'],
  ] as const) {
    if (method.teachers[who] && !teacher) {
      throw new UserError(
        `${method.name} needs a ${who} teacher, but none is given: name its checkpoint by ${flag} FILE.`,
      );
    }
    if (teacher && teacher.network.classes !== student.network.classes) {
      throw new UserError(
        `the ${who} teacher tells ${teacher.network.classes} classes apart, but the student ${student.network.classes}.`,
      );
    }
  }
  const optimiser = sgd(recipe.optimiser);
  const teacherOptimiser = recipe.teacherOptimiser && sgd(recipe.teacherOptimiser);
  /** The variables of a network that are trained, by the program's names. */
  const trainableOf = (prefix: string, { trainable }: Network, weights: Tensors): Record<string, tf.Tensor> =>
    Object.fromEntries(trainable.map((name) => [prefix + name, weights[name]!]));
  const used = ({ network, weights }: WeightedNetwork): Record<string, tf.Tensor> =>
    Object.fromEntries(network.variables.filter((spec) => spec.used).map(({ name }) => [name, weights[name]!]));

  const initial = tf.tidy(() => {
    const variables: Record<string, tf.Tensor> = {
      ...prefixed('student/', used(student)),
      ...prefixed('student.folded/', student.network.fold(student.weights)),
      ...optimiser.init(trainableOf('student/', student.network, student.weights)),
      ...(recipe.averaging ? prefixed('average/', used(student)) : {}),
      ...prefixed(
        'state/',
        Object.fromEntries(Object.entries(method.state ?? {}).map(([name, value]) => [name, tf.scalar(value)])),
      ),
    };
    if (cleanTeacher && method.teachers.clean) {
      Object.assign(variables, prefixed('cleanTeacher.folded/', cleanTeacher.network.fold(cleanTeacher.weights)));
    }
    if (robustTeacher && method.teachers.robust === 'frozen') {
      Object.assign(variables, prefixed('robustTeacher.folded/', robustTeacher.network.fold(robustTeacher.weights)));
    }
    if (robustTeacher && method.teachers.robust === 'training-mode') {
      Object.assign(variables, prefixed('robustTeacher/', used(robustTeacher)));
      if (teacherOptimiser) {
        const trained = trainableOf('robustTeacher/', robustTeacher.network, robustTeacher.weights);
        Object.assign(variables, teacherOptimiser.init(trained));
      }
    }
    return Object.fromEntries(Object.entries(variables).map(([name, tensor]) => [name, tf.keep(tensor.clone())]));
  });

  /** The networks of one function, and what it moved of their running statistics, by the program's names. */
  const networksOf = (variables: Tensors, studentEvaluates: 'raw' | 'folded' | 'training') => {
    const studentMoved: Record<string, tf.Tensor> = {};
    const teacherMoved: Record<string, tf.Tensor> = {};
    const raw = rawPass(student.network, under('student/', variables), studentMoved);
    const studentPass: Pass = {
      ...raw,
      ...(studentEvaluates === 'training' ? { evaluate: (x) => raw.train(x) } : {}),
      ...(studentEvaluates === 'folded'
        ? { evaluate: (x) => student.network.evaluate(under('student.folded/', variables), x) }
        : {}),
    };
    const all: Networks = {
      student: studentPass,
      cleanTeacher:
        cleanTeacher && method.teachers.clean
          ? frozenPass('clean teacher', cleanTeacher.network, under('cleanTeacher.folded/', variables), method)
          : absent('clean teacher', method),
      robustTeacher:
        robustTeacher && method.teachers.robust === 'frozen'
          ? frozenPass('robust teacher', robustTeacher.network, under('robustTeacher.folded/', variables), method)
          : robustTeacher && method.teachers.robust
            ? rawPass(robustTeacher.network, under('robustTeacher/', variables), teacherMoved)
            : absent('robust teacher', method),
    };
    return {
      all,
      studentMoved,
      moved: () => ({ ...prefixed('student/', studentMoved), ...prefixed('robustTeacher/', teacherMoved) }),
    };
  };

  const size = student.network.imageSize;
  const imagesOf = (batch: number): TensorSpec => ({ shape: [batch, size, size, 3] });
  const labelsOf = (batch: number): TensorSpec => ({ shape: [batch], dtype: 'int32' });
  const contextOf = (all: Networks, variables: Tensors, inputs: Tensors): Omit<StepContext, 'prepared'> => ({
    ...all,
    x: inputs['x'] as tf.Tensor4D,
    labels: inputs['labels'] as tf.Tensor1D,
    state: under('state/', variables),
    scalars: under('scalar/', inputs),
    labelSmoothing: recipe.labelSmoothing,
    settings: recipe.settings,
  });
  const retrains = (phase: string): boolean => method.retrains?.includes(phase) ?? false;
  /** What is validated and saved: the moving average where the recipe has one. */
  const outcome = recipe.averaging ? 'average/' : 'student/';
  const folded = (variables: Tensors, moved: Tensors = {}, from = 'student/'): Record<string, tf.Tensor> =>
    prefixed('student.folded/', student.network.fold({ ...under(from, variables), ...moved }));

  // A method's prepared tensors become inputs of the functions that follow: their shapes are found by a trial on the
  // variables' first values.
  const preparedSpecs = new Map<number, Record<string, TensorSpec>>();
  for (const batch of batchSizes) {
    preparedSpecs.set(
      batch,
      tf.tidy(() => {
        if (!method.prepare) return {};
        const inputs = {
          x: tf.zeros([batch, size, size, 3]),
          labels: tf.zeros([batch], 'int32'),
          ...Object.fromEntries(scalarNames.map((name) => [`scalar/${name}`, tf.scalar(0)])),
        };
        const { all } = networksOf(initial, 'folded');
        return Object.fromEntries(
          Object.entries(method.prepare(contextOf(all, initial, inputs))).map(([name, { shape, dtype }]) => [
            `prepared/${name}`,
            { shape, dtype: dtype as 'float32' | 'int32' },
          ]),
        );
      }),
    );
  }

  const functions: Record<string, ProgramFunction> = {};
  const scalars = scalarSpecs(scalarNames.map((name) => `scalar/${name}`));
  for (const batch of batchSizes) {
    const basic = { x: imagesOf(batch), labels: labelsOf(batch), ...scalars };
    const prepared = preparedSpecs.get(batch)!;
    functions[`prepare@${batch}`] = {
      inputs: basic,
      run(variables, inputs) {
        // Not 'folded': those weights are from before the last step until this function has run.
        const { all, moved, studentMoved } = networksOf(variables, 'raw');
        const outputs = method.prepare?.(contextOf(all, variables, inputs)) ?? {};
        const folds = method.ascend && recipe.attack.mode === 'evaluation';
        return { outputs, updates: { ...moved(), ...(folds ? folded(variables, studentMoved) : {}) } };
      },
    };
    if (method.ascend) {
      const ascend = method.ascend;
      functions[`ascend@${batch}`] = {
        inputs: { ...basic, ...prepared, adversarial: imagesOf(batch) },
        run(variables, inputs): FunctionResult {
          const { all, moved } = networksOf(variables, recipe.attack.mode === 'training' ? 'training' : 'folded');
          const context = { ...contextOf(all, variables, inputs), prepared: under('prepared/', inputs) };
          const adversarial = inputs['adversarial'] as tf.Tensor4D;
          const { gradients: slopes, aux } = gradients(
            () => ({ value: tf.sum(ascend(adversarial, context)), aux: moved() }),
            { adversarial },
          );
          return {
            outputs: { adversarial: moveAlongSign(slopes.adversarial, context.x, adversarial, recipe.attack) },
            updates: aux,
          };
        },
      };
    }
    for (const phase of [...(method.phases ?? ['train']), ...(recipe.naturalPrefix > 0 ? [prefixPhase] : [])]) {
      functions[`step ${phase}@${batch}`] = {
        inputs: {
          ...basic,
          ...prepared,
          adversarial: imagesOf(batch),
          'rate/student': { shape: [] },
          'rate/robustTeacher': { shape: [] },
        },
        run(variables, inputs): FunctionResult {
          const { all, moved } = networksOf(variables, 'raw');
          const context = { ...contextOf(all, variables, inputs), prepared: under('prepared/', inputs) };
          const wrt = {
            ...trainableOf('student/', student.network, under('student/', variables)),
            ...(robustTeacher && retrains(phase)
              ? trainableOf('robustTeacher/', robustTeacher.network, under('robustTeacher/', variables))
              : {}),
          };
          const result = gradients(
            () => {
              const objective =
                phase === prefixPhase
                  ? naturalObjective(context)
                  : method.objective(inputs['adversarial'] as tf.Tensor4D, context, phase);
              if ((objective.robustTeacher !== undefined) !== retrains(phase)) {
                throw new Error(
                  `${method.name}: its phase "${phase}" has ${objective.robustTeacher ? 'a' : 'no'} loss of the robust ` +
                    `teacher, but "retrains" names ${method.retrains?.join(', ') ?? 'no phase'}`,
                );
              }
              return {
                // One backward pass serves both: neither loss depends on the other's weights.
                value: objective.robustTeacher ? tf.add(objective.student, objective.robustTeacher) : objective.student,
                aux: {
                  ...prefixed('moved/', moved()),
                  ...prefixed('term/', objective.terms),
                  ...prefixed('state/', objective.state ?? {}),
                },
              };
            },
            wrt,
            { optional: true },
          );
          const of = (prefix: string): Record<string, tf.Tensor> =>
            Object.fromEntries(Object.entries(result.gradients).filter(([name]) => name.startsWith(prefix)));
          return {
            outputs: under('term/', result.aux),
            updates: {
              ...under('moved/', result.aux),
              ...prefixed('state/', under('state/', result.aux)),
              ...optimiser.update(variables, of('student/'), inputs['rate/student']!),
              // Empty in a phase that does not train the teacher.
              ...teacherOptimiser?.update(variables, of('robustTeacher/'), inputs['rate/robustTeacher']!),
            },
          };
        },
      };
    }
  }
  const evaluationBatch = batchSizes[0]!;
  functions['fold'] = { inputs: {}, run: (variables) => ({ updates: folded(variables, {}, outcome) }) };
  if (recipe.averaging) {
    // A function of its own: it is to see the weights after the step.
    functions['average'] = {
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
  }
  functions['logits'] = {
    inputs: { x: imagesOf(evaluationBatch) },
    run: (variables, { x }) => ({
      outputs: { logits: student.network.evaluate(under('student.folded/', variables), x as tf.Tensor4D) },
    }),
  };
  functions['attack'] = {
    inputs: {
      x: imagesOf(evaluationBatch),
      labels: labelsOf(evaluationBatch),
      adversarial: imagesOf(evaluationBatch),
    },
    run(variables, { x, labels, adversarial }) {
      const weights = under('student.folded/', variables);
      const moved = signStep(
        (image) => crossEntropyLoss(student.network.evaluate(weights, image), labels as tf.Tensor1D),
        x as tf.Tensor4D,
        adversarial as tf.Tensor4D,
        { epsilon: recipe.attack.epsilon, stepSize: recipe.attack.epsilon / 4 },
      );
      return { outputs: { adversarial: moved } };
    },
  };

  const program: Program<Record<string, ProgramFunction>> = createProgram(
    initial,
    functions,
    eager === undefined ? {} : { eager },
  );
  for (const tensor of Object.values(initial)) tensor.dispose();
  const changing = Object.keys(initial).filter((name) => !name.includes('.folded/'));
  const trained = { student, robustTeacher };
  // Variables that a network never computes with stay outside of the program, and go out as they came.
  const idle = Object.fromEntries(
    Object.entries(trained).map(([who, weighted]) => [
      who,
      Object.fromEntries(
        (weighted?.network.variables ?? [])
          .filter((spec) => !spec.used)
          .map(({ name }) => [name, tf.keep(weighted!.weights[name]!.clone())]),
      ),
    ]),
  );

  const rateScalars = new Map<number, tf.Scalar>();
  const rate = (value: number): tf.Scalar => {
    const known = rateScalars.get(value);
    if (known) return known;
    const scalar = tf.keep(tf.scalar(value));
    rateScalars.set(value, scalar);
    return scalar;
  };
  const inputsOf = (batch: TrainingBatch, values: Tensors): Tensors => ({
    x: batch.x,
    labels: batch.labels,
    ...prefixed('scalar/', values),
  });

  return {
    prepare: (batch, values) => program.call(`prepare@${batch.x.shape[0]}`, inputsOf(batch, values)),
    ascend: (batch, adversarial, prepared, values) =>
      program.call(`ascend@${batch.x.shape[0]}`, {
        ...inputsOf(batch, values),
        ...prefixed('prepared/', prepared),
        adversarial,
      })['adversarial'] as tf.Tensor4D,
    step: (phase, batch, adversarial, prepared, values, rates) =>
      program.call(`step ${phase}@${batch.x.shape[0]}`, {
        ...inputsOf(batch, values),
        ...prefixed('prepared/', prepared),
        adversarial,
        'rate/student': rate(rates.student),
        'rate/robustTeacher': rate(rates.robustTeacher),
      }),
    average(steps) {
      if (!recipe.averaging) return;
      const decay = Math.min(recipe.averaging.decay, (1 + steps) / (10 + steps));
      tf.tidy(() => program.call('average', { share: tf.scalar(1 - decay) }));
    },
    fold: () => {
      program.call('fold', {});
    },
    logits: (x) => program.call('logits', { x })['logits'] as tf.Tensor2D,
    attackStep: ({ x, labels }, adversarial) =>
      program.call('attack', { x, labels, adversarial })['adversarial'] as tf.Tensor4D,
    weights(who) {
      const { network } = trained[who]!;
      const trainedNames = network.variables.filter((spec) => spec.used).map(({ name }) => name);
      const prefix = who === 'student' ? outcome : 'robustTeacher/';
      const values = program.read(trainedNames.map((name) => prefix + name));
      return Object.fromEntries(
        network.variables.map(({ name, used: inUse }) => [
          name,
          inUse ? values[prefix + name]! : idle[who]![name]!.clone(),
        ]),
      );
    },
    snapshot: () => program.read(changing),
    restore(values) {
      program.write(values);
    },
    dispose() {
      program.dispose();
      for (const scalar of rateScalars.values()) scalar.dispose();
      tf.dispose(idle);
    },
  };
};
