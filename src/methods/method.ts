import type * as tf from '@tensorflow/tfjs-core';
import type { Start } from '../attacks/threat-model.js';
import type { Tensors } from '../engine/gradient.js';
import type { Schedule } from './schedule.js';

/** A network inside a step. */
export interface Pass {
  /**
   * Logits in training mode: batch norm by the batch. The running statistics move with every such pass, in the order of
   * the passes, as PyTorch's do; not where `statistics` is false.
   */
  train(x: tf.Tensor4D, options?: { readonly statistics?: boolean }): tf.Tensor2D;
  /** Logits in evaluation mode. */
  evaluate(x: tf.Tensor4D): tf.Tensor2D;
}

export interface Networks {
  readonly student: Pass;
  readonly cleanTeacher: Pass;
  readonly robustTeacher: Pass;
}

/** What a method's functions see of a step. */
export interface StepContext extends Networks {
  /** [B, H, W, 3] in [0, 1] */
  readonly x: tf.Tensor4D;
  /** [B] int32 */
  readonly labels: tf.Tensor1D;
  /** What `prepare` returned for this batch. */
  readonly prepared: Tensors;
  /** The method's own numbers that change at every step: temperatures, weights of losses. Scalars, by name. */
  readonly state: Tensors;
  /** The method's own numbers that change by the epoch. Scalars, by name. */
  readonly scalars: Tensors;
  /** The recipe's settings of the method. */
  readonly settings: Readonly<Record<string, number>>;
}

export interface Objective {
  /** The student's loss, a scalar. */
  readonly student: tf.Scalar;
  /** The robust teacher's, where it is trained in this phase. It must not depend on the student's weights. */
  readonly robustTeacher?: tf.Scalar;
  /** Scalars worth a column in the metrics. */
  readonly terms: Readonly<Record<string, tf.Scalar>>;
  /** The state's next values. */
  readonly state?: Tensors;
}

export interface OptimiserRecipe {
  readonly learningRate: Schedule;
  readonly momentum: number;
  readonly weightDecay: number;
}

export interface InnerMaximisation {
  readonly start: Start;
  readonly steps: number;
  /** In image units, as ε. */
  readonly stepSize: number;
  readonly epsilon: number;
  /** The student's mode while it is attacked. In training mode every step moves its running statistics. */
  readonly mode: 'evaluation' | 'training';
}

/** Everything that decides a training run besides the networks, the data and the seed. */
export interface Recipe {
  /** How many epochs to train for. */
  readonly epochs: number;
  /** The number of epochs that the schedules and phases were written for; they stretch to `epochs`. */
  readonly writtenFor: number;
  readonly batchSize: number;
  readonly optimiser: OptimiserRecipe;
  /** The robust teacher's, where a method trains it. */
  readonly teacherOptimiser?: OptimiserRecipe;
  readonly attack: InnerMaximisation;
  /** The method's own numbers. */
  readonly settings: Readonly<Record<string, number>>;
  /** Random crop and flip. */
  readonly augment: boolean;
  /** Drop a last batch that is not full (PyTorch's default keeps it, at its own size). */
  readonly dropLast: boolean;
  readonly validation: {
    /** Images held out of the training set, balanced by class. */
    readonly images: number;
    /** Steps of the PGD that the selection looks at, of size ε/4. */
    readonly steps: number;
    /** Validate every so many epochs, and after the last. */
    readonly every: number;
    /** What robust accuracy weighs in the selection, and clean accuracy the rest: ½ is the papers' W-Robust. */
    readonly robustWeight: number;
  };
}

/** What a method may look at between epochs. */
export interface EpochContext {
  /** From 1, on the scale of `recipe.writtenFor`, as the papers count. */
  readonly epoch: number;
  /** What one epoch of this run is on that scale: 1, or more where the run is shorter. */
  readonly epochLength: number;
  readonly settings: Readonly<Record<string, number>>;
  /** What was measured on the held-out images so far, oldest first. */
  readonly validations: readonly { readonly epoch: number; readonly clean: number; readonly robust: number }[];
}

/**
 * A training method. To add one, write such an object in a file of its own and name it in `catalogue.ts`; programs,
 * optimiser, resume, metrics and the command line know it from there.
 */
export interface Method {
  readonly name: string;
  readonly title: string;
  /** The paper, and what of the published code it follows. */
  readonly source: string;
  /** The teachers it needs. 'training-mode': passes in training mode are made, so its running statistics move. */
  readonly teachers: { readonly clean?: 'frozen'; readonly robust?: 'frozen' | 'training-mode' };
  /** The published recipe. */
  readonly recipe: Recipe;
  /** The state's first values. */
  readonly state?: Readonly<Record<string, number>>;
  /** The phase of an epoch; each phase has a recorded step of its own. Default: one phase, 'train'. */
  readonly phase?: (context: EpochContext) => string;
  /** All phases that `phase` may return. */
  readonly phases?: readonly string[];
  /** Numbers that change by the epoch. */
  readonly scalars?: (context: EpochContext) => Readonly<Record<string, number>>;
  /** Computed once a batch, before the attack, without gradient: what teachers say of x. */
  readonly prepare?: (context: Omit<StepContext, 'prepared'>) => Tensors;
  /** What the inner maximisation ascends, a value for every sample; absent where the method has none. */
  readonly ascend?: (adversarial: tf.Tensor4D, context: StepContext) => tf.Tensor1D;
  /** The loss. `adversarial` is x itself where there is no inner maximisation. */
  readonly objective: (adversarial: tf.Tensor4D, context: StepContext, phase: string) => Objective;
}
