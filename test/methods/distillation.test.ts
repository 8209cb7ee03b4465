import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../../src/engine/gradient.js';
import { ardDivergence } from '../../src/methods/ard.js';
import { findMethod } from '../../src/methods/catalogue.js';
import { iad, iadIntrospection, iadTrust } from '../../src/methods/iad.js';
import { batchDivergence, elementDivergence, tenClassDivergence } from '../../src/methods/losses.js';
import { rsladLoss } from '../../src/methods/rslad.js';
import { tradesLoss } from '../../src/methods/trades.js';
import type { Settings } from '../../src/methods/recipe.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';
import { answering, contextOf, linear } from './contexts.js';

const rng = createRng(4);
const drawn = (name: string, classes: number, scale = 2): tf.Tensor2D =>
  tf.tensor2d(rng.fork(name, classes).normals(3 * classes, scale), [3, classes]);
const labels = () => tf.tensor1d([0, 1, 2], 'int32');
const value = (scalar: tf.Tensor): number => scalar.dataSync()[0]!;

test('divergences: zero between equals, ln C from a sure answer to an even one', () => {
  tf.tidy(() => {
    const logits = drawn('logits', 4);
    assert.ok(Math.abs(value(batchDivergence(logits, logits))) < 1e-6);
    const sure = tf.mul<tf.Tensor2D>(tf.cast(tf.oneHot([0, 3, 1], 4), 'float32'), 100);
    const even = tf.zeros<tf.Rank.R2>([3, 4]);
    assertClose([value(batchDivergence(sure, even))], [Math.log(4)], 1e-6, 'KL');
    assertClose([value(elementDivergence(tf.softmax(sure), even))], [Math.log(4 * (1 + 1e-5)) / 4], 1e-6, 'KLe');
  });
});

test('RSLAD and MTARD: with ten classes KLe itself, with a hundred ten times KLe', () => {
  tf.tidy(() => {
    for (const [classes, factor] of [
      [10, 1],
      [100, 10],
    ] as const) {
      const target = tf.softmax(drawn('teacher', classes));
      const student = drawn('student', classes);
      assertClose(
        [value(tenClassDivergence(target, student))],
        [factor * value(elementDivergence(target, student))],
        1e-6,
        `${classes} classes`,
      );
    }
  });
});

test('RSLAD: five sixths for x′, one sixth for x', () => {
  tf.tidy(() => {
    const [teacher, adversarial, natural] = [drawn('teacher', 10), drawn("x'", 10), drawn('x', 10)];
    const made = rsladLoss(teacher, { adversarial, natural }, 5 / 6);
    const target = tf.softmax(teacher);
    assertClose(
      [value(made.loss)],
      [(5 * value(elementDivergence(target, adversarial)) + value(elementDivergence(target, natural))) / 6],
      1e-6,
      'loss',
    );
    // At the teacher itself only the floor under the logarithm is left: log(1 + 1e-5/p) ≤ 1e-5/p, so 1e-5 at most.
    const least = value(rsladLoss(teacher, { adversarial: teacher, natural: teacher }, 5 / 6).loss);
    assert.ok(least > 0 && least < 1.1e-5, `${least}`);
  });
});

test('ARD: T² keeps the gradient as the temperature grows', () => {
  tf.tidy(() => {
    const [teacher, student] = [drawn('teacher', 10, 0.5), drawn('student', 10, 0.5)];
    const slope = (temperature: number): Float32Array =>
      gradients(() => ({ value: ardDivergence({ teacher, student }, tf.scalar(temperature)) }), {
        student,
      }).gradients.student.dataSync() as Float32Array;
    // In the limit of high temperatures: (centred student − centred teacher) / C, over B · C.
    const centred = (logits: tf.Tensor2D): tf.Tensor => tf.sub(logits, tf.mean(logits, 1, true));
    const limit = tf.div(tf.sub(centred(student), centred(teacher)), 10 * 30).dataSync();
    assertClose(slope(1000), limit, 1e-2, 'T 1000');
    assertClose(slope(100), limit, 1e-2, 'T 100');
  });
});

test('IAD: the trust is T(y | x′)^β, without a gradient; whole trust leaves nothing to introspection', () => {
  tf.tidy(() => {
    const probabilities = [
      [0.5, 0.25, 0.25],
      [0.1, 0.8, 0.1],
      [0.6, 0.3999, 0.0001],
    ];
    const teacher = tf.log<tf.Tensor2D>(tf.tensor2d(probabilities));
    assertClose(
      iadTrust(teacher, labels(), 0.1).dataSync(),
      [0.5, 0.8, 0.0001].map((p) => p ** 0.1),
      1e-5,
      'trust',
    );
    const { gradients: slopes } = gradients(
      () => ({ value: tf.add<tf.Scalar>(tf.sum(iadTrust(teacher, labels(), 0.1)), tf.sum(teacher)) }),
      { teacher },
    );
    assert.ok(slopes.teacher.dataSync().every((slope) => slope === 1));
    const logits = { natural: drawn('x', 3), adversarial: drawn("x'", 3) };
    assert.equal(value(iadIntrospection(logits, tf.ones([3]))), 0);
    assertClose(
      [value(iadIntrospection(logits, tf.zeros([3])))],
      [value(batchDivergence(logits.natural, logits.adversarial))],
      1e-6,
      'no trust',
    );
  });
});

test('IAD: introspection begins after epoch 60 of 200, at the same share of any run, or where it is told to', () => {
  const phase = (epoch: number, epochs: number, settings: Settings = {}): string =>
    iad.phase!({ progress: (epoch - 1) / epochs, stepLength: 1 / (epochs * 390), settings });
  assert.deepEqual(
    [1, 60, 61, 200].map((epoch) => phase(epoch, 200)),
    ['teacher', 'teacher', 'introspection', 'introspection'],
  );
  assert.deepEqual(
    [3, 4, 10].map((epoch) => phase(epoch, 10)),
    ['teacher', 'introspection', 'introspection'],
  );
  assert.equal(phase(11, 200, { warmUp: 10 / 200 }), 'introspection');
  assert.equal(phase(10, 200, { warmUp: 10 / 200 }), 'teacher');
});

test('TRADES: β weights the divergence, which vanishes where both answers are the same', () => {
  tf.tidy(() => {
    const logits = { natural: drawn('x', 4), adversarial: drawn("x'", 4) };
    const [one, six] = [tradesLoss(logits, labels(), { beta: 1 }), tradesLoss(logits, labels(), { beta: 6 })];
    assertClose([value(six.loss) - value(one.loss)], [5 * value(one.divergence)], 1e-5, 'five more of it');
    const same = tradesLoss({ natural: logits.natural, adversarial: logits.natural }, labels(), { beta: 6 });
    assertClose([value(same.loss)], [value(same.supervised)], 1e-6, 'loss');
  });
});

for (const [name, settings, expected] of [
  ['natural', {}, ['x']],
  ['pgd-at', {}, ["x'"]],
  ['trades', {}, ['x', "x'", 'x']],
  ['ard', {}, ["x'", 'x']],
  ['iad', {}, ["x'", 'x']],
  ['rslad', {}, ["x'", 'x']],
  ['adaad', {}, ['x', "x'"]],
  ['adaad', { alpha: 0.5 }, ['x', "x'"]],
  ['mtard', {}, ["x'", 'x']],
  ['b-mtard', {}, ["x'", 'x']],
] as const) {
  test(`${name}: the student's passes in training mode are ${expected.join(', ')} ${JSON.stringify(settings)}`, () => {
    tf.tidy(() => {
      const method = findMethod(name);
      const [x, adversarial] = [tf.zeros<tf.Rank.R4>([3, 1, 1, 3]), tf.ones<tf.Rank.R4>([3, 1, 1, 3])];
      const network = linear(drawn('weights', 3));
      const passes: string[] = [];
      const context = contextOf(method, {
        x,
        labels: labels(),
        student: {
          ...network,
          train(images) {
            passes.push(images === x ? 'x' : "x'");
            return network.train(images);
          },
        },
        cleanTeacher: network,
        robustTeacher: network,
        settings,
      });
      for (const phase of method.phases ?? ['train']) {
        passes.length = 0;
        method.objective(adversarial, context, phase);
        assert.deepEqual(passes, expected, phase);
      }
    });
  });
}

test('AdaAD: with a share of α, the rest is the divergence on x, and the scale multiplies both', () => {
  tf.tidy(() => {
    const adaad = findMethod('adaad');
    const [x, adversarial] = [tf.zeros<tf.Rank.R4>([3, 1, 1, 3]), tf.ones<tf.Rank.R4>([3, 1, 1, 3])];
    const answers = (who: string) =>
      answering(
        new Map<tf.Tensor, tf.Tensor2D>([
          [x, drawn(`${who} x`, 5)],
          [adversarial, drawn(`${who} x'`, 5)],
        ]),
      );
    const loss = (settings: Settings): number =>
      value(
        adaad.objective(
          adversarial,
          contextOf(adaad, {
            x,
            labels: labels(),
            student: answers('student'),
            robustTeacher: answers('teacher'),
            settings,
          }),
          'train',
        ).student,
      );
    const onAdversarial = value(batchDivergence(drawn("teacher x'", 5), drawn("student x'", 5)));
    const onClean = value(batchDivergence(drawn('teacher x', 5), drawn('student x', 5)));
    assertClose([loss({})], [onAdversarial], 1e-6, 'α 1');
    assertClose([loss({ alpha: 0.25, scale: 0.1 })], [0.1 * (0.25 * onAdversarial + 0.75 * onClean)], 1e-6, 'α .25');
  });
});
