import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { detach } from '../engine/gradient.js';
import { crossEntropy, softmax } from '../engine/softmax.js';
import { nextTemperatures } from './b-mtard.js';
import { commonRecipe, gaussianPgd10 } from './common-recipe.js';
import { isRetrained, ittSettings } from './itt.js';
import { elementDivergence, elementEntropy, flooredDivergence, meanCrossEntropy, tempered } from './losses.js';
import {
  defineMethod,
  type MethodDefinition,
  type Objective,
  type PhaseContext,
  type SettingsShape,
  type StepContext,
} from './method.js';
import { adaptedPushWeight, pushLoss, pushScale } from './push-loss.js';
import type { Recipe } from './recipe.js';
import { atEpoch } from './schedule.js';

const recipe: Omit<Recipe, 'settings'> = {
  ...commonRecipe,
  epochs: 300,
  optimiser: {
    learningRate: { kind: 'damped-cosine', rate: 0.1, from: atEpoch(150, 300), length: 150 / 300, decay: 0.01 },
    momentum: 0.9,
    weightDecay: 2e-4,
  },
  teacherOptimiser: {
    learningRate: { kind: 'damped-cosine', rate: 1e-4, from: atEpoch(50, 300), length: 250 / 300, decay: 0.01 },
    momentum: 0.1,
    weightDecay: 2e-4,
  },
  attack: gaussianPgd10,
};

const pushSettings = {
  pushTemperature: z
    .number()
    .positive()
    .default(5)
    .describe("Softens the student's answers in the push loss (published code: 5)"),
  pushOn: z
    .enum(['adversarial', 'clean'])
    .default('adversarial')
    .describe("The images of the push loss: x' (as published) or x"),
};

const naturalTerms = z.enum(['cross-entropy', 'clean-teacher']);
const naturalTermMeaning =
  "What S(x) is held to: the label (the summary's), or the clean teacher's answer (the published code's)";

interface PushSettings {
  readonly pushTemperature: number;
  readonly pushOn: 'adversarial' | 'clean';
}

/** The teacher rests, or is retrained. */
const phases = ['distil', 'distil and retrain'] as const;

// What both settings have in common: phases and the student's attack.
const shared = {
  teachers: { clean: 'frozen', robust: 'training-mode' },
  phases,
  retrains: ['distil and retrain'],
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
} satisfies Partial<MethodDefinition<SettingsShape>>;

const phase = (context: PhaseContext<Parameters<typeof isRetrained>[1]>): string =>
  phases[Number(isRetrained(context, context.settings))]!;

interface Passes {
  readonly studentNatural: tf.Tensor2D;
  readonly studentAdversarial: tf.Tensor2D;
  readonly robustAdversarial: tf.Tensor2D;
}

const passes = (adversarial: tf.Tensor4D, { student, robustTeacher, x }: StepContext<unknown>): Passes => ({
  // The statistics of x were counted when the step began.
  studentNatural: student.train(x, { statistics: false }),
  studentAdversarial: student.train(adversarial),
  robustAdversarial: robustTeacher.train(adversarial),
});

const push = (
  adversarial: tf.Tensor4D,
  { studentNatural, studentAdversarial }: Passes,
  { cleanTeacher, labels, prepared, settings: { pushOn, pushTemperature } }: StepContext<PushSettings>,
): ReturnType<typeof pushLoss> =>
  pushOn === 'clean'
    ? pushLoss(prepared['cleanLogits'] as tf.Tensor2D, studentNatural, labels, pushTemperature)
    : pushLoss(cleanTeacher.evaluate(adversarial), studentAdversarial, labels, pushTemperature);

/** The teacher's part of a step: cross-entropy on the student's adversarial examples (ITT). */
const teacherObjective = (
  { robustAdversarial }: Passes,
  labels: tf.Tensor1D,
  name: string,
): { robustTeacher?: tf.Scalar; terms: Record<string, tf.Scalar> } => {
  if (!shared.retrains.includes(name)) return { terms: {} };
  const loss = meanCrossEntropy(robustAdversarial, labels);
  return { robustTeacher: loss, terms: { teacher: loss } };
};

/**
 * CIARD as its published code trains it. One thing is left out: at every step that code also passes x through the robust
 * teacher and uses nothing of it. That moves the teacher's running statistics, which no loss and no student ever sees
 * (the teacher stays in training mode); the statistics in our checkpoint of the teacher are those of x' alone.
 */
export const ciardCode = defineMethod({
  ...shared,
  name: 'ciard-code',
  title: 'CIARD (published code)',
  source:
    'CIARD, ICCV 2025, as published in code: KL adversarial + KL clean − magnitude-matched push, tempered teachers, ' +
    'the robust teacher trained at every step after epoch 50',
  settings: {
    ...ittSettings({ every: 1 / 300, for: 1 / 300 }),
    pushWeight: z
      .number()
      .min(0)
      .default(1)
      .describe('Factor of the magnitude-matched weight of the push loss; 0: without (published code: 1)'),
    ...pushSettings,
    naturalTerm: naturalTerms.default('clean-teacher').describe(naturalTermMeaning),
    temperatureRate: z
      .number()
      .min(0)
      .default(0.001)
      .describe("How far each teacher's temperature moves, a step (published code: .001)"),
  },
  recipe,
  state: { temperatureAdversarial: 1, temperatureNatural: 1 },
  phase,
  prepare({ student, cleanTeacher, x }) {
    // The published step begins with the student's pass on x, so its running statistics have moved before the attack.
    student.train(x);
    return { cleanLogits: cleanTeacher.evaluate(x) };
  },
  objective(adversarial, context, name): Objective {
    const { labels, labelSmoothing, prepared, state, settings } = context;
    const logits = passes(adversarial, context);
    const temperatures = { adversarial: state['temperatureAdversarial']!, natural: state['temperatureNatural']! };
    const robust = tempered(detach(logits.robustAdversarial), temperatures.adversarial);
    const clean = tempered(prepared['cleanLogits'] as tf.Tensor2D, temperatures.natural);
    const adversarialLoss = elementDivergence(robust, logits.studentAdversarial);
    const naturalLoss: tf.Scalar =
      settings.naturalTerm === 'clean-teacher'
        ? elementDivergence(clean, logits.studentNatural)
        : // A mean over the classes too, as the term whose place it takes.
          tf.mul(meanCrossEntropy(logits.studentNatural, labels, labelSmoothing), 1 / clean.shape[1]);
    const { loss: pushed, wrong } = push(adversarial, logits, context);
    const scale = tf.mul(pushScale(adversarialLoss, naturalLoss, pushed), settings.pushWeight);
    // Where the clean teacher is right throughout the push loss is zero, and so is its gradient: nothing to leave out.
    const loss: tf.Scalar = tf.sub(tf.add(adversarialLoss, naturalLoss), tf.mul(scale, pushed));
    const next = nextTemperatures(
      temperatures,
      { adversarial: elementEntropy(robust), natural: elementEntropy(clean) },
      settings.temperatureRate,
    );
    const { robustTeacher, terms } = teacherObjective(logits, labels, name);
    return {
      student: loss,
      ...(robustTeacher ? { robustTeacher } : {}),
      terms: { loss, adversarial: adversarialLoss, natural: naturalLoss, push: pushed, wrong, ...terms },
      state: { temperatureAdversarial: next.adversarial, temperatureNatural: next.natural },
    };
  },
});

/** CIARD as the paper's summary describes it. */
export const ciard = defineMethod({
  ...shared,
  name: 'ciard',
  title: 'CIARD',
  source:
    'CIARD, ICCV 2025, as described: KL to the robust teacher on adversarial images + cross-entropy − push, its weight ' +
    'adapted to validation robustness, the robust teacher retrained for an epoch every ten',
  settings: {
    ...ittSettings({ every: 10 / 300, for: 1 / 300 }),
    pushRule: z
      .enum(['adaptive', 'adaptive-in-run', 'fixed', 'magnitude'])
      .default('adaptive')
      .describe(
        'The weight of the push loss: adapted to validation robustness (the summary), by validations or, for short runs, ' +
          'by the part of the run; fixed; or matched to the magnitude of the other terms (the published code)',
      ),
    pushWeight: z
      .number()
      .min(0)
      .default(0.5)
      .describe(
        'Adaptive: the most that it grows to; fixed: the weight; magnitude: its factor (1 is published). 0: without',
      ),
    ...pushSettings,
    naturalTerm: naturalTerms.default('cross-entropy').describe(naturalTermMeaning),
  },
  recipe,
  phase,
  scalars: ({ settings: { pushRule, pushWeight }, validations }) => ({
    pushWeight:
      pushRule === 'adaptive' || pushRule === 'adaptive-in-run'
        ? adaptedPushWeight(pushWeight, validations, pushRule)
        : pushWeight,
  }),
  prepare({ student, cleanTeacher, x, settings }) {
    student.train(x);
    const asked = settings.pushOn === 'clean' || settings.naturalTerm === 'clean-teacher';
    return asked ? { cleanLogits: cleanTeacher.evaluate(x) } : {};
  },
  objective(adversarial, context, name): Objective {
    const { labels, labelSmoothing, prepared, scalars, settings } = context;
    const logits = passes(adversarial, context);
    const classes = logits.studentNatural.shape[1];
    // Batch means throughout, so that the three terms are of one size whatever the number of classes.
    const distilled = (teacher: tf.Tensor2D, student: tf.Tensor2D): tf.Scalar =>
      tf.mean(flooredDivergence(softmax(teacher), student));
    const distil = distilled(detach(logits.robustAdversarial), logits.studentAdversarial);
    const natural =
      settings.naturalTerm === 'cross-entropy'
        ? meanCrossEntropy(logits.studentNatural, labels, labelSmoothing)
        : distilled(prepared['cleanLogits'] as tf.Tensor2D, logits.studentNatural);
    const { loss: pushed, wrong } = push(adversarial, logits, context);
    const sized: tf.Scalar = tf.mul(pushed, classes);
    const weight =
      settings.pushRule === 'magnitude'
        ? tf.mul(pushScale(distil, natural, sized), scalars['pushWeight']!)
        : scalars['pushWeight']!;
    const loss: tf.Scalar = tf.sub(tf.add(distil, natural), tf.mul(sized, weight));
    const { robustTeacher, terms } = teacherObjective(logits, labels, name);
    return {
      student: loss,
      ...(robustTeacher ? { robustTeacher } : {}),
      terms: { loss, adversarial: distil, natural, push: pushed, wrong, ...terms },
    };
  },
});
