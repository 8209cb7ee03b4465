import * as tf from '@tensorflow/tfjs-core';
import { nextTemperatures } from './ciard.js';
import { elementEntropy } from './losses.js';
import type { Method } from './method.js';
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
  /** How far each temperature moves, a step. */
  temperatureRate: 0.001,
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
export const bMtard: Method = {
  ...twoTeacherAttack,
  name: 'b-mtard',
  title: 'B-MTARD',
  source: 'Zhao et al., TPAMI 2024, and its published code (MTARD with balanced temperatures)',
  recipe: { ...mtardRecipe, settings },
  state: { ...mtardState, temperatureAdversarial: 1, temperatureNatural: 1 },
  scalars: (context) => {
    const { weightRate, temperatureRate } = { ...settings, ...context.settings };
    return { weightRate: ruleRate(weightRate, context), temperatureRate: ruleRate(temperatureRate, context) };
  },
  objective(adversarial, context) {
    const { state, scalars } = context;
    const temperatures = { adversarial: state['temperatureAdversarial']!, natural: state['temperatureNatural']! };
    const { losses, targets } = twoTeacherLosses(adversarial, context, temperatures);
    const entropy = { adversarial: elementEntropy(targets.adversarial), natural: elementEntropy(targets.natural) };
    const next = nextTemperatures(temperatures, entropy, scalars['temperatureRate']!);
    const { weights: moved, first } = nextWeights(state, losses, scalars['weightRate']!);
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
};
