import type * as tf from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { Tensors } from '../engine/gradient.js';
import { recipeSchemaOf, type Recipe, type Settings } from './recipe.js';
import { strict } from './strict.js';

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

/** What a method's functions see of a step. `S`: its settings. */
export interface StepContext<S = Settings> extends Networks {
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
  /** What of a hard label the recipe spreads evenly over the classes. */
  readonly labelSmoothing: number;
  readonly settings: S;
}

export interface Objective {
  /** The student's loss, a scalar. */
  readonly student: tf.Scalar;
  /** The robust teacher's, in the phases that `retrains` names. It must not depend on the student's weights. */
  readonly robustTeacher?: tf.Scalar;
  /** Scalars worth a column in the metrics. */
  readonly terms: Readonly<Record<string, tf.Scalar>>;
  /** The state's next values. */
  readonly state?: Tensors;
}

/** What a method may look at between epochs. */
export interface EpochContext<S = Settings> {
  /** Where the epoch begins, as a fraction of the run. */
  readonly progress: number;
  readonly settings: S;
  /**
   * What was measured on the held-out images so far, oldest first, of epochs of the method itself. `part`: how much of the
   * run lies between a validation and the one before it, or the method's beginning.
   */
  readonly validations: readonly {
    readonly epoch: number;
    readonly clean: number;
    readonly robust: number;
    readonly part: number;
  }[];
}

/** What decides the phase of a step. */
export interface PhaseContext<S = Settings> {
  /** Where the step begins, as a fraction of the run. */
  readonly progress: number;
  /** The step's length on that scale: 1 / (steps of the run). */
  readonly stepLength: number;
  readonly settings: S;
}

type Setting = z.ZodType<number | string | boolean>;

/**
 * Settings by name: each with its default (`.default`), its bounds, its meaning, unit and source (`.describe`). What the
 * published method does not have may be left out (`.exactOptional`): recipes without it stay what they are.
 */
export type SettingsShape = Readonly<Record<string, z.ZodDefault<Setting> | z.ZodExactOptional<Setting>>>;

type SettingsSchema<Shape extends SettingsShape> = z.ZodObject<Shape, z.core.$strict>;

/** What a training method is, apart from its settings. `S`: their values. */
interface Parts<S> {
  readonly name: string;
  readonly title: string;
  /** The paper, and what of the published code it follows. */
  readonly source: string;
  /** The teachers it needs. 'training-mode': passes in training mode are made, so its running statistics move. */
  readonly teachers: { readonly clean?: 'frozen'; readonly robust?: 'frozen' | 'training-mode' };
  /** The state's first values. */
  readonly state?: Readonly<Record<string, number>>;
  /** The phase of a step; each phase has a recorded step of its own. Default: one phase, 'train'. */
  readonly phase?: (context: PhaseContext<S>) => string;
  /** All phases that `phase` may return. */
  readonly phases?: readonly string[];
  /** Those in which the robust teacher is trained. */
  readonly retrains?: readonly string[];
  /** Numbers that change by the epoch. */
  readonly scalars?: (context: EpochContext<S>) => Readonly<Record<string, number>>;
  /** Computed once a batch, before the attack, without gradient: what teachers say of x. */
  readonly prepare?: (context: Omit<StepContext<S>, 'prepared'>) => Tensors;
  /** What the inner maximisation ascends, a value for every sample; absent where the method has none. */
  readonly ascend?: (adversarial: tf.Tensor4D, context: StepContext<S>) => tf.Tensor1D;
  /** The loss, named `loss` among its terms. `adversarial` is x itself where there is no inner maximisation. */
  readonly objective: (adversarial: tf.Tensor4D, context: StepContext<S>, phase: string) => Objective;
}

/** A method as it is written: its functions see its own settings, each with its type. */
export interface MethodDefinition<Shape extends SettingsShape> extends Parts<z.output<SettingsSchema<Shape>>> {
  readonly settings?: Shape;
  /** The published recipe; `defineMethod` adds the settings. */
  readonly recipe: Omit<Recipe, 'settings'>;
}

/** A training method, as programs, optimiser, resume, metrics and the command line know it. */
export interface Method extends Parts<Settings> {
  /** Fills in defaults and refuses what is no setting of the method. */
  readonly settings: SettingsSchema<SettingsShape>;
  /** The published recipe, whole. */
  readonly recipe: Recipe;
  /** The text of its functions: what is known of its code. */
  readonly code: string;
}

/**
 * Makes a method. To add one, write it in a file of its own and name it in `catalogue.ts`; all else knows it from there.
 * @throws Error where it retrains its teacher and its recipe does not say how
 */
export const defineMethod = <const Shape extends SettingsShape = Record<string, never>>(
  definition: MethodDefinition<Shape>,
): Method => {
  const { settings: shape, recipe, phase, scalars, prepare, ascend, objective, ...rest } = definition;
  const schema = strict(shape ?? ({} as Shape));
  const typed = <C extends { readonly settings: Settings }>(
    context: C,
  ): Omit<C, 'settings'> & { readonly settings: z.output<SettingsSchema<Shape>> } => ({
    ...context,
    settings: schema.parse(context.settings),
  });
  const settings: SettingsSchema<SettingsShape> = schema;
  const retrains = (rest.retrains ?? []).length > 0;
  if (retrains && recipe.teacherOptimiser === null) {
    throw new Error(`${rest.name}: it retrains its robust teacher, but its recipe has no teacherOptimiser`);
  }
  return {
    ...rest,
    settings,
    code: [phase, scalars, prepare, ascend, objective].map(String).join('\n'),
    recipe: recipeSchemaOf(settings).parse({
      ...recipe,
      teacherOptimiser: retrains ? recipe.teacherOptimiser : null,
      settings: settings.parse({}),
    }),
    ...(phase ? { phase: (context) => phase(typed(context)) } : {}),
    ...(scalars ? { scalars: (context) => scalars(typed(context)) } : {}),
    ...(prepare ? { prepare: (context) => prepare(typed(context)) } : {}),
    ...(ascend ? { ascend: (adversarial, context) => ascend(adversarial, typed(context)) } : {}),
    objective: (adversarial, context, name) => objective(adversarial, typed(context), name),
  };
};
