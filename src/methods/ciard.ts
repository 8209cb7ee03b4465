import * as tf from '@tensorflow/tfjs-core';
import { detach } from '../engine/gradient.js';
import { crossEntropy, logSoftmax, softmax } from '../engine/softmax.js';
import { elementDivergence, elementEntropy, flooredDivergence, meanCrossEntropy, tempered } from './losses.js';
import type { EpochContext, Method, Objective, Recipe, StepContext } from './method.js';
import { commonRecipe, gaussianPgd10 } from './recipes.js';

/** The student's logits are softened by this in the push loss, so that its gradient does not die where it is sure. */
const pushTemperature = 5;

/** Takes the place of a loss that is zero, whose logarithm is about to be taken. */
const tiny = 1e-7;

/**
 * The push loss: how far the student is, on x', from what the clean teacher says where the clean teacher is wrong,
 * D = {argmax T_clean(x') ≠ y}. The mean over D and the classes of p · (log(p + 1e-5) − log softmax(S(x')/5)). It is
 * subtracted from the loss, so that the student diverges from those answers. Zero where D is empty.
 *
 * @param cleanTeacher [B, C] logits on x'
 * @param student [B, C] logits on x'
 */
export const pushLoss = (
  cleanTeacher: tf.Tensor2D,
  student: tf.Tensor2D,
  labels: tf.Tensor1D,
): { loss: tf.Scalar; wrong: tf.Scalar } => {
  const classes = student.shape[1];
  const isWrong = tf.cast(tf.notEqual(tf.argMax(cleanTeacher, 1), labels), 'float32');
  const count = tf.sum(isWrong);
  const p = softmax(cleanTeacher);
  const perSample = tf.sum(
    tf.mul(p, tf.sub(tf.log(tf.add(p, 1e-5)), logSoftmax(tf.mul(student, 1 / pushTemperature)))),
    1,
  );
  const total = tf.sum(tf.mul(perSample, isWrong));
  return { loss: tf.div(total, tf.mul(tf.maximum(count, 1), classes)), wrong: tf.mul(count, 1 / labels.size) };
};

/** ⌊lg value⌋, of a positive value. */
const magnitude = (value: tf.Scalar): tf.Scalar => tf.floor(tf.mul(tf.log(value), Math.LOG10E));

const awayFromZero = (value: tf.Scalar): tf.Scalar =>
  tf.add(value, tf.mul(tf.cast(tf.equal(value, 0), 'float32'), tiny));

/**
 * The weight of the push loss in the published code: a power of ten that brings it to the size of the smaller of the
 * other two, 10^(min(⌊lg L1⌋, ⌊lg L2⌋) − ⌊lg L3⌋). A constant for the gradient.
 */
export const pushScale = (adversarial: tf.Scalar, natural: tf.Scalar, push: tf.Scalar): tf.Scalar => {
  const [l1, l2, l3] = [adversarial, natural, push].map((value) => magnitude(awayFromZero(detach(value))));
  return tf.pow(10, tf.sub(tf.minimum(l1!, l2!), l3!));
};

/**
 * The temperatures' rule (B-MTARD's, taken over by CIARD): the teacher whose answers carry more information than the
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

const teacherOptimiser: Recipe['optimiser'] = {
  learningRate: { kind: 'damped-cosine', rate: 1e-4, from: 50, length: 250, decay: 0.01 },
  momentum: 0.1,
  weightDecay: 2e-4,
};

const recipe: Recipe = {
  ...commonRecipe,
  epochs: 300,
  writtenFor: 300,
  optimiser: {
    learningRate: { kind: 'damped-cosine', rate: 0.1, from: 150, length: 150, decay: 0.01 },
    momentum: 0.9,
    weightDecay: 2e-4,
  },
  teacherOptimiser,
  attack: gaussianPgd10,
};

// What both settings have in common: the students' attack, and what the teachers say before it.
const shared = {
  teachers: { clean: 'frozen', robust: 'training-mode' },
  prepare: ({ student, cleanTeacher, x }) => {
    // The published step begins with the student's pass on x, so its running statistics have moved before the attack.
    student.train(x);
    return { cleanLogits: cleanTeacher.evaluate(x) };
  },
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
} satisfies Partial<Method>;

interface Passes {
  readonly studentNatural: tf.Tensor2D;
  readonly studentAdversarial: tf.Tensor2D;
  readonly robustAdversarial: tf.Tensor2D;
  readonly cleanAdversarial: tf.Tensor2D;
}

const passes = (adversarial: tf.Tensor4D, { student, robustTeacher, cleanTeacher, x }: StepContext): Passes => ({
  // The statistics of x were counted when the step began.
  studentNatural: student.train(x, { statistics: false }),
  studentAdversarial: student.train(adversarial),
  robustAdversarial: robustTeacher.train(adversarial),
  cleanAdversarial: cleanTeacher.evaluate(adversarial),
});

/** The teacher's part of a step: cross-entropy on the student's adversarial examples (ITT). */
const teacherObjective = (
  { robustAdversarial }: Passes,
  labels: tf.Tensor1D,
  trained: boolean,
): { robustTeacher?: tf.Scalar; terms: Record<string, tf.Scalar> } => {
  if (!trained) return { terms: {} };
  const loss = meanCrossEntropy(robustAdversarial, labels);
  return { robustTeacher: loss, terms: { teacher: loss } };
};

/**
 * CIARD as its published code trains it. One thing is left out: at every step that code also passes x through the robust
 * teacher and uses nothing of it. That moves the teacher's running statistics, which no loss and no student ever sees
 * (the teacher stays in training mode); the statistics in our checkpoint of the teacher are those of x' alone.
 */
export const ciardCode: Method = {
  ...shared,
  name: 'ciard-code',
  title: 'CIARD (published code)',
  source:
    'CIARD, ICCV 2025, as published in code: KL adversarial + KL clean − magnitude-matched push, tempered teachers, ' +
    'the robust teacher trained at every step after epoch 50',
  recipe,
  state: { temperatureAdversarial: 1, temperatureNatural: 1 },
  phases: ['warm-up', 'itt'],
  phase: ({ epoch, settings }) => (epoch > (settings['warmUp'] ?? 50) ? 'itt' : 'warm-up'),
  objective(adversarial, context, phase): Objective {
    const { labels, prepared, state, settings } = context;
    const logits = passes(adversarial, context);
    const temperatures = { adversarial: state['temperatureAdversarial']!, natural: state['temperatureNatural']! };
    const robust = tempered(detach(logits.robustAdversarial), temperatures.adversarial);
    const clean = tempered(prepared['cleanLogits'] as tf.Tensor2D, temperatures.natural);
    const adversarialLoss = elementDivergence(robust, logits.studentAdversarial);
    const naturalLoss = elementDivergence(clean, logits.studentNatural);
    const push = pushLoss(logits.cleanAdversarial, logits.studentAdversarial, labels);
    const usesPush = settings['push'] ?? 1;
    const scale = tf.mul(pushScale(adversarialLoss, naturalLoss, push.loss), usesPush);
    // Where the clean teacher is right throughout the push loss is zero, and so is its gradient: nothing to leave out.
    const loss: tf.Scalar = tf.sub(tf.add(adversarialLoss, naturalLoss), tf.mul(scale, push.loss));
    const next = nextTemperatures(
      temperatures,
      { adversarial: elementEntropy(robust), natural: elementEntropy(clean) },
      settings['temperatureRate'] ?? 0.001,
    );
    const teacher = teacherObjective(logits, labels, phase === 'itt');
    return {
      student: loss,
      ...(teacher.robustTeacher ? { robustTeacher: teacher.robustTeacher } : {}),
      terms: {
        loss,
        adversarial: adversarialLoss,
        natural: naturalLoss,
        push: push.loss,
        wrong: push.wrong,
        ...teacher.terms,
      },
      state: { temperatureAdversarial: next.adversarial, temperatureNatural: next.natural },
    };
  },
};

/**
 * The push weight of CIARD as its paper describes it: it adapts to the robustness measured on held-out images. The paper
 * gives no rule. Here it grows by a tenth after each validation that was as robust as the best before it, and halves
 * after one that was not, up to `pushWeight`, from a tenth of it.
 */
export const adaptedPushWeight = ({ settings, validations }: EpochContext): number => {
  const most = settings['pushWeight'] ?? 0.5;
  let weight = most / 10;
  let best = 0;
  for (const { robust } of validations) {
    weight = robust >= best ? Math.min(most, weight * 1.1) : weight / 2;
    best = Math.max(best, robust);
  }
  return weight;
};

/** CIARD as the paper's summary describes it. */
export const ciard: Method = {
  ...shared,
  name: 'ciard',
  title: 'CIARD',
  source:
    'CIARD, ICCV 2025, as described: KL to the robust teacher on adversarial images + cross-entropy − push, its weight ' +
    'adapted to validation robustness, the robust teacher retrained for an epoch every ten',
  recipe,
  phases: ['distil', 'distil and retrain'],
  phase({ epoch, epochLength, settings }) {
    const since = epoch - (settings['warmUp'] ?? 50);
    // The first epoch after the warm-up, and every tenth from there.
    return since > 0 && (since - 1) % (settings['retrainEvery'] ?? 10) < epochLength ? 'distil and retrain' : 'distil';
  },
  scalars: (context) => ({ pushWeight: (context.settings['push'] ?? 1) * adaptedPushWeight(context) }),
  objective(adversarial, context, phase): Objective {
    const { labels, scalars } = context;
    const logits = passes(adversarial, context);
    const robust = softmax(detach(logits.robustAdversarial));
    // Batch means throughout, so that the three terms are of one size whatever the number of classes.
    const distil = tf.mean<tf.Scalar>(flooredDivergence(robust, logits.studentAdversarial));
    const supervised = meanCrossEntropy(logits.studentNatural, labels);
    const push = pushLoss(logits.cleanAdversarial, logits.studentAdversarial, labels);
    const classes = logits.studentNatural.shape[1];
    const loss: tf.Scalar = tf.sub(
      tf.add(distil, supervised),
      tf.mul(tf.mul(push.loss, classes), scalars['pushWeight']!),
    );
    const teacher = teacherObjective(logits, labels, phase !== 'distil');
    return {
      student: loss,
      ...(teacher.robustTeacher ? { robustTeacher: teacher.robustTeacher } : {}),
      terms: { loss, adversarial: distil, natural: supervised, push: push.loss, wrong: push.wrong, ...teacher.terms },
    };
  },
};
