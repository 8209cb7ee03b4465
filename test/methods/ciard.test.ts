import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../../src/engine/gradient.js';
import { ciard, ciardCode } from '../../src/methods/ciard.js';
import { elementDivergence, meanCrossEntropy } from '../../src/methods/losses.js';
import { adaptedPushWeight, pushLoss, pushScale } from '../../src/methods/push-loss.js';
import type { Settings } from '../../src/methods/recipe.js';
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
      const slopesWith = (settings: Settings) =>
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
      const without = slopesWith({ pushWeight: 0 });
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

test('the described push weight grows with robustness, shrinks without, and has a most', () => {
  const after = (rule: 'adaptive' | 'adaptive-in-run', epochs: number, robust: readonly number[]): number =>
    adaptedPushWeight(
      0.5,
      robust.map((value, i) => ({ epoch: i + 1, clean: 0.9, robust: value, part: 1 / epochs })),
      rule,
    );
  const weightAfter = (...robust: number[]): number => after('adaptive', 300, robust);
  assert.equal(weightAfter(), 0.05);
  assertClose(
    [weightAfter(0.3), weightAfter(0.3, 0.4), weightAfter(0.3, 0.2)],
    [0.055, 0.0605, 0.0275],
    1e-9,
    'weights',
  );
  assert.equal(weightAfter(...Array.from({ length: 40 }, (_, i) => i / 100)), 0.5);
  for (const epochs of [4, 12, 300]) {
    const rising = (part: number): number[] => Array.from({ length: part * epochs }, (_, i) => i / 1000);
    assertClose([after('adaptive-in-run', epochs, rising(1 / 4))], [0.5], 1e-6, `a quarter of ${epochs} epochs`);
    if (epochs === 4) continue;
    const falls = [...rising(1 / 12).map((value) => value + 0.2), 0.1];
    const expected = 0.05 * 10 ** (4 / 12 - 8 / epochs);
    assertClose(
      [after('adaptive-in-run', epochs, falls)],
      [expected],
      1e-6,
      `a fall after a twelfth of ${epochs} epochs`,
    );
  }
});

/** Which steps of a run retrain the teacher. */
const retrainedSteps = (method: typeof ciard, epochs: number, batches: number, settings: Settings = {}): boolean[] =>
  Array.from(
    { length: epochs * batches },
    (_, step) =>
      method.phase!({
        progress: step / (epochs * batches),
        stepLength: 1 / (epochs * batches),
        settings: { ...method.recipe.settings, ...settings },
      }) === 'distil and retrain',
  );

test('ITT at the published length: the teacher rests through epoch 50; then every step in the code, an epoch of ten as described', () => {
  for (const batches of [390, 7]) {
    const byEpoch = (method: typeof ciard): number[] => {
      const steps = retrainedSteps(method, 300, batches);
      return Array.from({ length: 300 }, (_, i) =>
        steps.slice(i * batches, (i + 1) * batches).reduce((sum, on) => sum + Number(on), 0),
      );
    };
    assert.deepEqual(
      byEpoch(ciardCode),
      Array.from({ length: 300 }, (_, i) => (i < 50 ? 0 : batches)),
    );
    assert.deepEqual(
      byEpoch(ciard),
      Array.from({ length: 300 }, (_, i) => (i >= 50 && (i - 50) % 10 === 0 ? batches : 0)),
    );
  }
});

for (const epochs of [300, 200, 12, 7, 1]) {
  test(`ITT in ${epochs} epochs: at every moment as many steps were retrained as the published run's share of them, to one`, () => {
    for (const batches of [390, 79, 5]) {
      const total = epochs * batches;
      let retrained = 0;
      retrainedSteps(ciard, epochs, batches).forEach((on, step) => {
        retrained += Number(on);
        // In published epochs.
        const since = Math.max(0, (300 * (step + 1)) / total - 50);
        const due =
          (total / 300) * (Math.floor(since / 10 + 1e-9) + Math.min(1, since - 10 * Math.floor(since / 10 + 1e-9)));
        assert.ok(retrained - due > -1e-6 && retrained - due < 1, `step ${step} of ${total}: ${retrained}, due ${due}`);
      });
      assert.ok(Math.abs(retrained - (25 / 300) * total) < 1, `${retrained} of ${total}`);
      const code = retrainedSteps(ciardCode, epochs, batches).filter(Boolean).length;
      assert.ok(Math.abs(code - (250 / 300) * total) < 1, `${code} of ${total}`);
    }
  });
}

test('ITT: never where the interval is 0, at every step where it is no longer than what is retrained of it', () => {
  const count = (settings: Settings): number => retrainedSteps(ciard, 12, 10, settings).filter(Boolean).length;
  assert.equal(count({ retrainEvery: 0 }), 0);
  assert.equal(count({ retrainEvery: 1 / 300, retrainFor: 1 / 300 }), 100);
  assert.equal(count({ retrainEvery: 0.1, retrainFor: 0.2, warmUp: 0 }), 120);
  assert.equal(count({ retrainEvery: 0.5, retrainFor: 0.25, warmUp: 0 }), 60);
  assert.equal(count({ warmUp: 1 }), 0);
});

/** The loss, its terms and gradients of one step on drawn logits. */
const stepOn = (method: typeof ciard, settings: Settings, labelSmoothing = 0) => {
  const [x, adversarial] = [tf.zeros<tf.Rank.R4>([3, 1, 1, 3]), tf.ones<tf.Rank.R4>([3, 1, 1, 3])];
  const logits = { x: drawn('on x'), adversarial: drawn("on x'") };
  const clean = { x: sureOf([3, 3, 2]), adversarial: sureOf([0, 3, 3]) };
  const answers = (on: typeof logits) =>
    answering(
      new Map<tf.Tensor, tf.Tensor2D>([
        [x, on.x],
        [adversarial, on.adversarial],
      ]),
    );
  const context = contextOf(method, {
    x,
    labels: labels(),
    student: answers(logits),
    cleanTeacher: answers(clean),
    robustTeacher: answers({ x: drawn('robust'), adversarial: drawn('robust') }),
    settings,
    labelSmoothing,
  });
  const { student, terms } = method.objective(adversarial, context, 'distil');
  const numbers = Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term.dataSync()[0]!]));
  return { loss: student.dataSync()[0]!, terms: numbers as Record<string, number>, logits, clean };
};

test('ciard: the push weight is fixed, adaptive or matched in magnitude, and 0 leaves the other two terms', () => {
  tf.tidy(() => {
    const pushOf = (settings: Settings): number => {
      const { loss, terms } = stepOn(ciard, settings);
      return (terms['adversarial']! + terms['natural']! - loss) / (classes * terms['push']!);
    };
    for (const pushWeight of [0, 0.1, 0.5, 1, 2]) {
      assertClose([pushOf({ pushRule: 'fixed', pushWeight })], [pushWeight], 1e-4, `fixed ${pushWeight}`);
    }
    // Before the first validation: a tenth of the most.
    assertClose([pushOf({})], [0.05], 1e-4, 'adaptive');
    assertClose([pushOf({ pushWeight: 0 })], [0], 1e-4, 'adaptive 0');
    const { terms } = stepOn(ciard, {});
    const magnitude = (value: number): number => Math.floor(Math.log10(value));
    const matched =
      10 **
      (Math.min(magnitude(terms['adversarial']!), magnitude(terms['natural']!)) - magnitude(classes * terms['push']!));
    for (const pushWeight of [1, 0.5]) {
      assertClose([pushOf({ pushRule: 'magnitude', pushWeight })], [pushWeight * matched], 1e-4, 'magnitude');
    }
  });
});

test('ciard-code: the push weight is a factor of the magnitude-matched one', () => {
  tf.tidy(() => {
    const pushOf = (settings: Settings): number => {
      const { loss, terms } = stepOn(ciardCode, settings);
      return (terms['adversarial']! + terms['natural']! - loss) / terms['push']!;
    };
    assertClose([pushOf({ pushWeight: 2 })], [2 * pushOf({})], 1e-4, 'twice');
    assert.ok(Math.abs(pushOf({ pushWeight: 0 })) < 1e-6, 'without');
  });
});

for (const method of [ciard, ciardCode]) {
  test(`${method.name}: the push is at its temperature, and on x where that is asked for`, () => {
    tf.tidy(() => {
      const { logits, clean } = stepOn(method, {});
      for (const [pushOn, of] of [
        ['adversarial', 'adversarial'],
        ['clean', 'x'],
      ] as const) {
        for (const pushTemperature of [1, 5, 10]) {
          const expected = pushLoss(clean[of], logits[of], labels(), pushTemperature);
          const { terms } = stepOn(method, { pushOn, pushTemperature });
          assertClose([terms['push']!], expected.loss.dataSync(), 1e-6, `${pushOn}, ${pushTemperature}`);
          assertClose([terms['wrong']!], expected.wrong.dataSync(), 1e-6, pushOn);
        }
      }
    });
  });

  test(`${method.name}: S(x) is held to the label or to the clean teacher, and labels are smoothed`, () => {
    tf.tidy(() => {
      const { logits, clean } = stepOn(method, {});
      // The code's terms are means over the classes too.
      const per = method === ciard ? 1 : classes;
      for (const labelSmoothing of [0, 0.1]) {
        const { terms } = stepOn(method, { naturalTerm: 'cross-entropy' }, labelSmoothing);
        const expected = meanCrossEntropy(logits.x, labels(), labelSmoothing).dataSync()[0]! / per;
        assertClose([terms['natural']!], [expected], 1e-6, `cross-entropy, smoothing ${labelSmoothing}`);
      }
      const { terms } = stepOn(method, { naturalTerm: 'clean-teacher' });
      const expected = elementDivergence(tf.softmax(clean.x), logits.x).dataSync()[0]! * (classes / per);
      assertClose([terms['natural']!], [expected], 1e-5, 'clean teacher');
    });
  });
}

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
    ciardCode.objective(adversarial, context, 'distil and retrain');
    assert.deepEqual(passes, ['x', "x'"]);
  });
});
