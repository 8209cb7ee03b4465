import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { findMethod } from '../../src/methods/catalogue.js';
import { meanCrossEntropy } from '../../src/methods/losses.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';
import { answering, contextOf } from './contexts.js';

const rng = createRng(6);
const [samples, classes] = [3, 5];
const drawn = (name: string): tf.Tensor2D =>
  tf.tensor2d(rng.fork(name).normals(samples * classes, 2), [samples, classes]);
const labels = [0, 1, 4];

test('cross-entropy with smoothed labels is that with 1 − s + s/C for the label and s/C for each other class', () => {
  tf.tidy(() => {
    const logits = drawn('logits');
    const logProbabilities = tf.logSoftmax(logits).arraySync();
    for (const smoothing of [0, 0.1, 0.5]) {
      const expected =
        labels.reduce(
          (sum, label, sample) =>
            sum -
            logProbabilities[sample]!.reduce(
              (of, value, k) => of + value * (smoothing / classes + (k === label ? 1 - smoothing : 0)),
              0,
            ),
          0,
        ) / samples;
      const actual = meanCrossEntropy(logits, tf.tensor1d(labels, 'int32'), smoothing);
      assertClose(actual.dataSync(), [expected], 1e-6, `smoothing ${smoothing}`);
    }
  });
});

for (const [name, term, of] of [
  ['natural', 'loss', 'x'],
  ['pgd-at', 'loss', "x'"],
  ['trades', 'natural', 'x'],
  ['ard', 'natural', 'x'],
  ['ciard', 'natural', 'x'],
] as const) {
  test(`${name}: its labels are smoothed in the loss, and not in the attack`, () => {
    tf.tidy(() => {
      const method = findMethod(name);
      const [x, adversarial] = [tf.zeros<tf.Rank.R4>([samples, 1, 1, 3]), tf.ones<tf.Rank.R4>([samples, 1, 1, 3])];
      const logits = { x: drawn('x'), "x'": drawn("x'") };
      const answers = (who: string) =>
        answering(
          new Map<tf.Tensor, tf.Tensor2D>([
            [x, who === 'student' ? logits.x : drawn(`${who} x`)],
            [adversarial, who === 'student' ? logits["x'"] : drawn(`${who} x'`)],
          ]),
        );
      const smoothed = (labelSmoothing: number) =>
        contextOf(method, {
          x,
          labels: tf.tensor1d(labels, 'int32'),
          student: answers('student'),
          cleanTeacher: answers('clean'),
          robustTeacher: answers('robust'),
          // Where the supervised term has no share of the loss it is not computed.
          settings: name === 'ard' ? { alpha: 0.5 } : {},
          labelSmoothing,
        });
      for (const smoothing of [0, 0.2]) {
        const { terms } = method.objective(adversarial, smoothed(smoothing), method.phases?.[0] ?? 'train');
        const expected = meanCrossEntropy(logits[of], tf.tensor1d(labels, 'int32'), smoothing);
        assertClose(terms[term]!.dataSync(), expected.dataSync(), 1e-6, `smoothing ${smoothing}`);
      }
      const climbed = [0, 0.2].map((smoothing) => method.ascend?.(adversarial, smoothed(smoothing)).dataSync());
      assert.deepEqual(climbed[0], climbed[1]);
    });
  });
}
