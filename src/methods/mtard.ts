import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { detach, type Tensors } from '../engine/gradient.js';
import { crossEntropy } from '../engine/softmax.js';
import { tenClassDivergence, tempered } from './losses.js';
import { commonRecipe, gaussianPgd10 } from './common-recipe.js';
import {
  defineMethod,
  type EpochContext,
  type MethodDefinition,
  type SettingsShape,
  type StepContext,
} from './method.js';
import type { Recipe } from './recipe.js';
import { atEpoch, reached } from './schedule.js';

/** A number for each of the two teachers' losses. */
export interface PerTeacher<T> {
  readonly adversarial: T;
  readonly natural: T;
}

/** Where the learning rate falls, and the rates of MTARD's own rules with it. */
const milestones = [215, 260, 285].map((epoch) => atEpoch(epoch, 300));

export const mtardSettings = {
  weightRate: z
    .number()
    .min(0)
    .max(1)
    .default(0.025)
    .describe(
      'How fast the weights of the losses move, a step; it falls with the learning rate (published code: .025)',
    ),
  fallsFrom: z
    .enum(['uniform'])
    .exactOptional()
    .describe(
      'What a loss has fallen from, by which the weights move: left out, its value in the first step (published); ' +
        'uniform: the value it would have there if the student gave all classes the same probability, for a student ' +
        'that a natural prefix has trained before',
    ),
};

/** `rate`, a step of one of those rules, in an epoch. */
export const ruleRate = (rate: number, { progress }: Pick<EpochContext, 'progress'>): number =>
  rate * 0.1 ** reached(milestones, progress);

export const mtardRecipe: Omit<Recipe, 'settings'> = {
  ...commonRecipe,
  epochs: 300,
  optimiser: {
    learningRate: { kind: 'steps', rate: 0.1, at: milestones, factor: 0.1 },
    momentum: 0.9,
    weightDecay: 2e-4,
  },
  attack: gaussianPgd10,
};

/** The state of the weights' rule before the first step. No loss is negative: −1 says that there was none yet. */
export const mtardState = { weightAdversarial: 0.5, weightNatural: 0.5, firstAdversarial: -1, firstNatural: -1 };

/**
 * The weights' rule: the loss that has fallen less since the first step is weighted more. l = L(now) / L(first step),
 * target = l / Σ l, w ← w − rate · (w − target). Constants for the gradient.
 *
 * @param state as `mtardState` names it
 * @param rate a scalar or a number
 * @param from what L(first step) is, where this is it
 */
export const nextWeights = (
  state: Tensors,
  losses: PerTeacher<tf.Scalar>,
  rate: tf.Tensor | number,
  from: PerTeacher<tf.Scalar> = losses,
): { weights: PerTeacher<tf.Scalar>; first: PerTeacher<tf.Scalar> } => {
  const since = (known: tf.Tensor, loss: tf.Scalar): tf.Scalar =>
    tf.where(tf.less(known, 0), detach(loss), known as tf.Scalar);
  const now = { adversarial: detach(losses.adversarial), natural: detach(losses.natural) };
  const first = {
    adversarial: since(state['firstAdversarial']!, from.adversarial),
    natural: since(state['firstNatural']!, from.natural),
  };
  const left: PerTeacher<tf.Scalar> = {
    adversarial: tf.div(now.adversarial, first.adversarial),
    natural: tf.div(now.natural, first.natural),
  };
  const sum = tf.add(left.adversarial, left.natural);
  const move = (weight: tf.Tensor, part: tf.Scalar): tf.Scalar =>
    tf.sub(weight, tf.mul(tf.sub(weight, tf.div(part, sum)), rate));
  return {
    weights: {
      adversarial: move(state['weightAdversarial']!, left.adversarial),
      natural: move(state['weightNatural']!, left.natural),
    },
    first,
  };
};

/**
 * Both teachers' losses: KLe(softmax(T_rob(x')/τ_adv) ‖ S(x')) and KLe(softmax(T_clean(x)/τ_nat) ‖ S(x)), times C/10 (10
 * on CIFAR-100, as the published MTARD code has it). The student's logits are not divided by τ. `from`: what they are said
 * to have fallen from, where this is the first step.
 */
export const twoTeacherLosses = (
  adversarial: tf.Tensor4D,
  { student, robustTeacher, x, prepared, settings }: StepContext<{ readonly fallsFrom?: 'uniform' }>,
  temperatures: PerTeacher<tf.Tensor | number>,
): { losses: PerTeacher<tf.Scalar>; from: PerTeacher<tf.Scalar>; targets: PerTeacher<tf.Tensor2D> } => {
  const targets = {
    adversarial: tempered(robustTeacher.evaluate(adversarial), temperatures.adversarial),
    natural: tempered(prepared['cleanLogits'] as tf.Tensor2D, temperatures.natural),
  };
  // In the published order: the running statistics see x' first.
  const logits = { adversarial: student.train(adversarial), natural: student.train(x) };
  const of = ({ adversarial: a, natural: n }: PerTeacher<tf.Tensor2D>): PerTeacher<tf.Scalar> => ({
    adversarial: tenClassDivergence(targets.adversarial, a),
    natural: tenClassDivergence(targets.natural, n),
  });
  const losses = of(logits);
  const even = tf.zerosLike(targets.natural);
  const from = settings.fallsFrom === 'uniform' ? of({ adversarial: even, natural: even }) : losses;
  return { losses, from, targets };
};

/** Σ w · L over the two teachers. */
export const weightedLoss = (weights: PerTeacher<tf.Scalar>, losses: PerTeacher<tf.Scalar>): tf.Scalar =>
  tf.add(tf.mul(weights.adversarial, losses.adversarial), tf.mul(weights.natural, losses.natural));

/** What MTARD and B-MTARD do before the loss. */
export const twoTeacherAttack = {
  teachers: { clean: 'frozen', robust: 'frozen' },
  prepare: ({ cleanTeacher, x }) => ({ cleanLogits: cleanTeacher.evaluate(x) }),
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
} satisfies Partial<MethodDefinition<SettingsShape>>;

/** Multi-teacher adversarial robustness distillation (Zhao et al., 2022): a clean teacher for x, a robust one for x'. */
export const mtard = defineMethod({
  ...twoTeacherAttack,
  name: 'mtard',
  title: 'MTARD',
  source: 'Zhao et al., ECCV 2022, and its published code (adaptive weights of the two losses)',
  settings: mtardSettings,
  recipe: mtardRecipe,
  state: mtardState,
  scalars: (context) => ({ weightRate: ruleRate(context.settings.weightRate, context) }),
  objective(adversarial, context) {
    const { losses, from } = twoTeacherLosses(adversarial, context, { adversarial: 1, natural: 1 });
    // The weights move first, and the loss takes them as they are then.
    const { weights, first } = nextWeights(context.state, losses, context.scalars['weightRate']!, from);
    const loss = weightedLoss(weights, losses);
    return {
      student: loss,
      terms: { loss, ...losses, weightAdversarial: weights.adversarial, weightNatural: weights.natural },
      state: {
        weightAdversarial: weights.adversarial,
        weightNatural: weights.natural,
        firstAdversarial: first.adversarial,
        firstNatural: first.natural,
      },
    };
  },
});
