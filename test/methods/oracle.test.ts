import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../../src/engine/gradient.js';
import { findMethod } from '../../src/methods/catalogue.js';
import { ciardCode } from '../../src/methods/ciard.js';
import { elementEntropy, tempered } from '../../src/methods/losses.js';
import { pushScale } from '../../src/methods/push-loss.js';
import { assertClose, hashed, oracleJson, oracleLabels } from '../oracle.js';
import { answering, contextOf } from './contexts.js';

// The objectives themselves, of networks that answer with the oracle's logits, against what the published PyTorch code
// computed from the same.

interface Ciard {
  readonly adv: number;
  readonly nat: number;
  readonly push: number;
  readonly push_scale: number;
  readonly total: number;
  readonly adv_entropy_term: number;
  readonly nat_entropy_term: number;
  readonly tau_adv_next: number;
  readonly tau_nat_next: number;
  readonly grad_nat: readonly (readonly number[])[];
  readonly grad_adv: readonly (readonly number[])[];
}

const { baselines, ...ciard } = oracleJson('losses') as Record<string, Ciard> & {
  readonly baselines: Readonly<Record<string, number>>;
};

const logits = (seed: number, scale: number): tf.Tensor2D =>
  tf.tensor2d(
    hashed(seed, 160, (u) => scale * (2 * u - 1)),
    [16, 10],
  );

const given = () => {
  const [x, adversarial] = [tf.zeros<tf.Rank.R4>([16, 1, 1, 3]), tf.ones<tf.Rank.R4>([16, 1, 1, 3])];
  const student = { natural: logits(11, 3), adversarial: logits(12, 3) };
  const cleanOnAdversarial = hashed(15, 160, (u) => 6 * (2 * u - 1));
  for (let i = 0; i < 16; i += 2) cleanOnAdversarial[i * 10 + (i % 10)]! += 12;
  const clean = { natural: logits(13, 6), adversarial: tf.tensor2d(cleanOnAdversarial, [16, 10]) };
  const robust = logits(14, 4);
  const answers = ({ natural, adversarial: onAdversarial }: { natural: tf.Tensor2D; adversarial: tf.Tensor2D }) =>
    answering(
      new Map<tf.Tensor, tf.Tensor2D>([
        [x, natural],
        [adversarial, onAdversarial],
      ]),
    );
  return { x, adversarial, labels: oracleLabels(16, 10), student, clean, robust, answers };
};

for (const [setting, expected] of Object.entries(ciard)) {
  test(`CIARD's terms, gradients and temperatures: ${setting}`, () => {
    tf.tidy(() => {
      const [, tauAdversarial, tauNatural] = /^tau_adv=(.*),tau_nat=(.*)$/.exec(setting)!;
      const { x, adversarial, labels, student, clean, robust, answers } = given();
      const context = contextOf(ciardCode, {
        x,
        labels,
        student: answers(student),
        cleanTeacher: answers(clean),
        robustTeacher: answering(new Map([[adversarial, robust]])),
        state: { temperatureAdversarial: Number(tauAdversarial), temperatureNatural: Number(tauNatural) },
      });
      const {
        value,
        gradients: slopes,
        aux,
      } = gradients(() => {
        const { student: loss, terms, state = {} } = ciardCode.objective(adversarial, context, 'distil');
        return { value: loss, aux: { ...terms, ...state } };
      }, student);
      const close = (actual: tf.Tensor, wanted: number, what: string): void => {
        assertClose(actual.dataSync(), [wanted], 2e-6, what);
      };
      close(aux['adversarial']!, expected.adv, 'adversarial term');
      close(aux['natural']!, expected.nat, 'natural term');
      close(aux['push']!, expected.push, 'push term');
      close(
        pushScale(aux['adversarial'] as tf.Scalar, aux['natural'] as tf.Scalar, aux['push'] as tf.Scalar),
        expected.push_scale,
        'push scale',
      );
      close(value, expected.total, 'total');
      const entropy = (teacher: tf.Tensor2D, temperature: string): tf.Scalar =>
        elementEntropy(tempered(teacher, Number(temperature)));
      close(entropy(robust, tauAdversarial!), expected.adv_entropy_term, "entropy of the robust teacher's answers");
      close(entropy(clean.natural, tauNatural!), expected.nat_entropy_term, "entropy of the clean teacher's answers");
      close(aux['temperatureAdversarial']!, expected.tau_adv_next, 'temperature of the robust teacher');
      close(aux['temperatureNatural']!, expected.tau_nat_next, 'temperature of the clean teacher');
      assertClose(slopes.natural.dataSync(), expected.grad_nat.flat(), 1e-5, 'gradient with respect to S(x)');
      assertClose(slopes.adversarial.dataSync(), expected.grad_adv.flat(), 1e-5, "gradient with respect to S(x')");
    });
  });
}

for (const [name, expected, tolerance] of [
  ['natural', 'natural', 2e-6],
  ['pgd-at', 'pgd_at', 2e-6],
  ['trades', 'trades_beta6', 2e-6],
  // A divergence at T = 30 is a small difference of entropies, times 900.
  ['ard', 'ard_T30_alpha1', 1e-4],
  ['rslad', 'rslad', 2e-6],
  ['mtard', 'mtard_equal', 2e-6],
  // Its first step is MTARD's: temperatures of 1, equal weights.
  ['b-mtard', 'mtard_equal', 2e-6],
] as const) {
  test(`${name}: the loss of the published code`, () => {
    tf.tidy(() => {
      const method = findMethod(name);
      const { x, adversarial, labels, student, clean, robust, answers } = given();
      const twoTeachers = method.teachers.clean !== undefined;
      const context = contextOf(method, {
        x,
        labels,
        student: answers(student),
        // The oracle's one teacher is the one with logits on x.
        cleanTeacher: answers(clean),
        robustTeacher: twoTeachers ? answering(new Map([[adversarial, robust]])) : answers(clean),
      });
      const { student: loss, terms } = method.objective(adversarial, context, 'train');
      assertClose(loss.dataSync(), [baselines[expected]!], tolerance, name);
      assert.deepEqual(terms['loss']!.dataSync(), loss.dataSync(), 'the loss in the metrics');
    });
  });
}
