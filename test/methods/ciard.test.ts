import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { gradients } from '../../src/engine/gradient.js';
import { adaptedPushWeight, ciard, ciardCode, nextTemperatures, pushLoss, pushScale } from '../../src/methods/ciard.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';
import { answering, contextOf, linear } from './contexts.js';

const classes = 4;
const rng = createRng(9);
const drawn = (name: string): tf.Tensor2D => tf.tensor2d(rng.fork(name).normals(3 * classes, 2), [3, classes]);
const labels = () => tf.tensor1d([0, 1, 2], 'int32');
/** Logits of a teacher that is sure of these classes. */
const sureOf = (answers: number[]): tf.Tensor2D => tf.mul(tf.cast(tf.oneHot(answers, classes), 'float32'), 200);

test('push: nothing where the clean teacher is right everywhere', () => {
  tf.tidy(() => {
    const student = drawn('student');
    const { aux, gradients: slopes } = gradients(
      () => {
        const { loss, wrong } = pushLoss(sureOf([0, 1, 2]), student, labels());
        return { value: loss, aux: { loss, wrong } };
      },
      { student },
    );
    assert.equal(aux.loss.dataSync()[0], 0);
    assert.equal(aux.wrong.dataSync()[0], 0);
    assert.ok(slopes.student.dataSync().every((slope) => slope === 0));
  });
});

test('push: on D alone, with the mean over D and the classes', () => {
  tf.tidy(() => {
    // softmax(student / 5) is (.1, .2, .3, .4) for the second sample, and D is the second sample.
    const student = tf.tensor2d([[1, -2, 3, 0], [1, 2, 3, 4].map((p) => 5 * Math.log(p)), [4, 4, -1, 0]]);
    const { loss, wrong } = pushLoss(sureOf([0, 3, 2]), student, labels());
    assertClose(loss.dataSync(), [(Math.log(1 + 1e-5) - Math.log(0.4)) / classes], 1e-6, 'push');
    assertClose(wrong.dataSync(), [1 / 3], 1e-6, 'share of wrong answers');
  });
});

test('push: a student that answers evenly is ln C away from a sure teacher that is wrong', () => {
  tf.tidy(() => {
    const { loss, wrong } = pushLoss(sureOf([1, 2, 3]), tf.zeros([3, classes]), labels());
    assertClose(loss.dataSync(), [(Math.log(1 + 1e-5) + Math.log(classes)) / classes], 1e-6, 'push');
    assert.equal(wrong.dataSync()[0], 1);
  });
});

test('push: its descent takes the student away from what the clean teacher wrongly says', () => {
  tf.tidy(() => {
    const student = drawn('student');
    const wrongAnswers = sureOf([3, 3, 3]);
    const { gradients: slopes } = gradients(
      () => ({ value: tf.neg<tf.Scalar>(pushLoss(wrongAnswers, student, labels()).loss) }),
      { student },
    );
    const after = tf.softmax(tf.sub(student, slopes.student));
    const of = (probabilities: tf.Tensor): Float32Array =>
      tf.slice(probabilities, [0, 3], [3, 1]).dataSync() as Float32Array;
    of(after).forEach((probability, i) => {
      assert.ok(probability < of(tf.softmax(student))[i]!);
    });
  });
});

for (const [name, method] of [
  ['ciard', ciard],
  ['ciard-code', ciardCode],
] as const) {
  test(`${name}: where the clean teacher is right throughout, the loss is its other two terms`, () => {
    tf.tidy(() => {
      const [x, adversarial] = [tf.zeros<tf.Rank.R4>([3, 1, 1, 3]), tf.ones<tf.Rank.R4>([3, 1, 1, 3])];
      const logits = { x: drawn('on x'), adversarial: drawn("on x'") };
      const answers = ({ x: natural, adversarial: onAdversarial }: typeof logits) =>
        answering(
          new Map<tf.Tensor, tf.Tensor2D>([
            [x, natural],
            [adversarial, onAdversarial],
          ]),
        );
      const slopesWith = (settings: Record<string, number>) =>
        gradients(() => {
          const context = contextOf(method, {
            x,
            labels: labels(),
            student: answers(logits),
            cleanTeacher: answers({ x: drawn('clean teacher'), adversarial: sureOf([0, 1, 2]) }),
            robustTeacher: answers({ x: drawn('robust teacher'), adversarial: drawn('robust teacher') }),
            settings,
          });
          const { student, terms } = method.objective(adversarial, context, method.phases![0]!);
          return { value: student, aux: terms };
        }, logits);
      const pushed = slopesWith({});
      const { adversarial: l1, natural: l2, push, wrong } = pushed.aux as Record<string, tf.Scalar>;
      assert.equal(push!.dataSync()[0], 0);
      assert.equal(wrong!.dataSync()[0], 0);
      assertClose(pushed.value.dataSync(), tf.add(l1!, l2!).dataSync(), 1e-6, 'loss');
      const without = slopesWith({ push: 0 });
      for (const branch of ['x', 'adversarial'] as const) {
        assert.deepEqual(pushed.gradients[branch].dataSync(), without.gradients[branch].dataSync());
      }
    });
  });
}

test('push scale: the power of ten between the smaller of the two losses and the push', () => {
  tf.tidy(() => {
    for (const [adversarial, natural, push, expected] of [
      [0.19, 0.21, 0.13, 1],
      [0.5, 0.02, 0.003, 10],
      [3, 40, 0.5, 10],
      [0.04, 0.3, 2, 0.01],
      [0.2, 0.3, 3e-5, 1e4],
      // Zero stands for 1e-7, which lies in the decade of 1e-7.
      [0.2, 0.3, 0, 1e6],
    ] as const) {
      const [l1, l2, l3] = [adversarial, natural, push].map((value) => tf.scalar(value));
      assertClose(pushScale(l1!, l2!, l3!).dataSync(), [expected], 1e-5, `${adversarial}, ${natural}, ${push}`);
    }
  });
});

test('push scale: constant for the gradient', () => {
  tf.tidy(() => {
    const losses = { l1: tf.scalar(0.2), l2: tf.scalar(0.3), l3: tf.scalar(0.02) };
    const { gradients: slopes } = gradients(
      () => ({ value: tf.mul<tf.Scalar>(pushScale(losses.l1, losses.l2, losses.l3), losses.l3) }),
      losses,
      { optional: true },
    );
    assert.deepEqual(Object.keys(slopes), ['l3']);
    assertClose(slopes.l3.dataSync(), [10], 1e-5, 'slope');
  });
});

test('temperatures: one step of the rate each, towards equal information, within [1, 10]', () => {
  const temperature = fc.double({ min: 1, max: 10, noNaN: true });
  const entropy = fc.double({ min: -0.23, max: -0.001, noNaN: true });
  fc.assert(
    fc.property(temperature, temperature, entropy, entropy, (adversarial, natural, ofAdversarial, ofNatural) => {
      tf.tidy(() => {
        const next = nextTemperatures(
          { adversarial: tf.scalar(adversarial), natural: tf.scalar(natural) },
          { adversarial: tf.scalar(ofAdversarial), natural: tf.scalar(ofNatural) },
          0.001,
        );
        const within = (value: number): number => Math.min(10, Math.max(1, value));
        const ratio = Math.fround(ofAdversarial) / Math.fround(ofNatural);
        // Both are (negative) entropies: a ratio below 1 says that the robust teacher is surer, so it is softened more.
        const expected = [
          within(adversarial - 0.001 * Math.sign(ratio - 1)),
          within(natural - 0.001 * Math.sign(1 / ratio - 1)),
        ];
        if (Math.abs(ratio - 1) < 1e-6) return;
        assertClose([next.adversarial.dataSync()[0]!, next.natural.dataSync()[0]!], expected, 1e-6, 'temperatures');
      });
    }),
    { numRuns: 50 },
  );
});

test('the described push weight grows with robustness, halves without, and has a most', () => {
  const weightAfter = (...robust: number[]): number =>
    adaptedPushWeight({
      epoch: 1,
      epochLength: 1,
      settings: { pushWeight: 0.5 },
      validations: robust.map((value, i) => ({ epoch: i + 1, clean: 0.9, robust: value })),
    });
  assert.equal(weightAfter(), 0.05);
  assertClose(
    [weightAfter(0.3), weightAfter(0.3, 0.4), weightAfter(0.3, 0.2)],
    [0.055, 0.0605, 0.0275],
    1e-9,
    'weights',
  );
  assert.equal(weightAfter(...Array.from({ length: 40 }, (_, i) => i / 100)), 0.5);
});

test('phases: the teacher rests through epoch 50; then every step in the code, an epoch of ten as described', () => {
  const phase = (method: typeof ciard, epoch: number): string =>
    method.phase!({ epoch, epochLength: 1, settings: method.recipe.settings, validations: [] });
  assert.deepEqual(
    [1, 50, 51, 52, 300].map((epoch) => phase(ciardCode, epoch)),
    ['warm-up', 'warm-up', 'itt', 'itt', 'itt'],
  );
  const retrained = Array.from({ length: 300 }, (_, i) => i + 1).filter((epoch) => phase(ciard, epoch) !== 'distil');
  assert.deepEqual(
    retrained,
    Array.from({ length: 25 }, (_, i) => 51 + 10 * i),
  );
  for (const method of [ciard, ciardCode]) {
    for (const epoch of [1, 60, 61, 300]) assert.ok(method.phases!.includes(phase(method, epoch)));
  }
});

test("the published code's order of the student's passes, which its running statistics follow", () => {
  tf.tidy(() => {
    const [x, adversarial] = [tf.zeros<tf.Rank.R4>([3, 1, 1, 3]), tf.ones<tf.Rank.R4>([3, 1, 1, 3])];
    const passes: string[] = [];
    const weights = tf.tensor2d(rng.fork('weights').normals(3 * classes), [3, classes]);
    const network = linear(weights);
    const context = contextOf(ciardCode, {
      x,
      labels: labels(),
      student: {
        ...network,
        train(images, { statistics = true } = {}) {
          if (statistics) passes.push(images === x ? 'x' : "x'");
          return network.train(images);
        },
      },
      cleanTeacher: network,
      robustTeacher: network,
    });
    assert.deepEqual(passes, ['x'], 'before the attack');
    ciardCode.objective(adversarial, context, 'itt');
    assert.deepEqual(passes, ['x', "x'"]);
  });
});
