import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { elementEntropy } from './losses.js';
import { defineMethod } from './method.js';
import {
  mtardRecipe,
  mtardSettings,
  mtardState,
  nextWeights,
  ruleRate,
  twoTeacherAttack,
  twoTeacherLosses,
  weightedLoss,
  type PerTeacher,
} from './mtard.js';

const settings = {
  ...mtardSettings,
  temperatureRate: z
    .number()
    .min(0)
    .default(0.001)
    .describe('How far each temperature moves, a step; it falls with the learning rate (published code: .001)'),
};

/**
 * The temperatures' rule (CIARD takes it over): the teacher whose answers carry more information than the
 * other's is softened less, by `rate` a step, within [1, 10].
 */
export const nextTemperatures = (
  temperatures: { readonly adversarial: tf.Tensor; readonly natural: tf.Tensor },
  entropy: { readonly adversarial: tf.Scalar; readonly natural: tf.Scalar },
  rate: tf.Tensor | number,
): { adversarial: tf.Tensor; natural: tf.Tensor } => {
  const move = (temperature: tf.Tensor, own: tf.Scalar, other: tf.Scalar): tf.Tensor =>
    tf.clipByValue(tf.sub(temperature, tf.mul(tf.sign(tf.sub(tf.div(own, other), 1)), rate)), 1, 10);
  return {
    adversarial: move(temperatures.adversarial, entropy.adversarial, entropy.natural),
    natural: move(temperatures.natural, entropy.natural, entropy.adversarial),
  };
};

/** The weights with negatives set to 0, divided by their sum. MTARD's rule leaves none: this takes rounding away. */
export const balanced = ({ adversarial, natural }: PerTeacher<tf.Scalar>): PerTeacher<tf.Scalar> => {
  const [a, n]: [tf.Scalar, tf.Scalar] = [tf.relu(adversarial), tf.relu(natural)];
  const sum = tf.add(a, n);
  return { adversarial: tf.div(a, sum), natural: tf.div(n, sum) };
};

/**
 * Balanced MTARD (Zhao et al., 2024): each teacher has a temperature, which moves until both teachers' answers carry the
 * same information.
 */
export const bMtard = defineMethod({
  ...twoTeacherAttack,
  name: 'b-mtard',
  title: 'B-MTARD',
  source: 'Zhao et al., TPAMI 2024, and its published code (MTARD with balanced temperatures)',
  settings,
  recipe: mtardRecipe,
  state: { ...mtardState, temperatureAdversarial: 1, temperatureNatural: 1 },
  scalars: (context) => {
    const { weightRate, temperatureRate } = context.settings;
    return { weightRate: ruleRate(weightRate, context), temperatureRate: ruleRate(temperatureRate, context) };
  },
  objective(adversarial, context) {
    const { state, scalars } = context;
    const temperatures = { adversarial: state['temperatureAdversarial']!, natural: state['temperatureNatural']! };
    const { losses, from, targets } = twoTeacherLosses(adversarial, context, temperatures);
    const entropy = { adversarial: elementEntropy(targets.adversarial), natural: elementEntropy(targets.natural) };
    const next = nextTemperatures(temperatures, entropy, scalars['temperatureRate']!);
    const { weights: moved, first } = nextWeights(state, losses, scalars['weightRate']!, from);
    const weights = balanced(moved);
    const loss = weightedLoss(weights, losses);
    return {
      student: loss,
      terms: {
        loss,
        ...losses,
        weightAdversarial: weights.adversarial,
        weightNatural: weights.natural,
        temperatureAdversarial: next.adversarial as tf.Scalar,
        temperatureNatural: next.natural as tf.Scalar,
      },
      state: {
        weightAdversarial: weights.adversarial,
        weightNatural: weights.natural,
        firstAdversarial: first.adversarial,
        firstNatural: first.natural,
        temperatureAdversarial: next.adversarial,
        temperatureNatural: next.natural,
      },
    };
  },
});
