import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { gradients, type Tensors } from '../../src/engine/gradient.js';
import { methods } from '../../src/methods/catalogue.js';
import type { Method, StepContext } from '../../src/methods/method.js';
import type { Settings } from '../../src/methods/recipe.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';
import { answering, contextOf, linear, phasesOf, type Given } from './contexts.js';

// Every objective and every inner maximisation, of linear networks, against finite differences: by the student's logits,
// by its weights (which both of its passes share), by the images that are sought, and by the retrained teacher's weights.

const batch = 6;
const classes = 4;
const pixels = 12;

/** What a setting must be for a branch of an objective to run, or for float32 to resolve its differences. */
const settings: Readonly<Record<string, readonly Settings[]>> = {
  // At T = 30 the loss is a small difference times 900; the oracle has it.
  ard: [
    { temperature: 3, alpha: 1 },
    { temperature: 3, alpha: 0.6 },
  ],
  adaad: [{}, { alpha: 0.6, scale: 0.1 }],
  ciard: [
    {},
    { pushOn: 'clean', naturalTerm: 'clean-teacher', pushTemperature: 2 },
    { pushRule: 'magnitude', pushWeight: 1 },
  ],
  'ciard-code': [{}, { pushOn: 'clean', naturalTerm: 'cross-entropy' }],
};

const draw = () => {
  const rng = createRng(5);
  const weights = (who: string): tf.Tensor2D => tf.tensor2d(rng.fork(who).normals(pixels * classes), [pixels, classes]);
  const x = tf.tensor4d(rng.fork('x').uniforms(batch * pixels), [batch, 2, 2, 3]);
  return {
    x,
    adversarial: tf.add<tf.Tensor4D>(x, tf.tensor4d(rng.fork('adversarial').normals(x.size, 0.2), x.shape)),
    labels: tf.tensor1d([0, 1, 2, 3, 0, 1], 'int32'),
    student: weights('student'),
    cleanTeacher: weights('clean teacher'),
    robustTeacher: weights('robust teacher'),
  };
};

type Drawn = ReturnType<typeof draw>;

/** A step's context in which the networks have these weights. */
const contextWith = (method: Method, drawn: Drawn, given: Partial<Given> = {}): StepContext =>
  contextOf(method, {
    x: drawn.x,
    labels: drawn.labels,
    student: linear(drawn.student),
    cleanTeacher: linear(drawn.cleanTeacher),
    robustTeacher: linear(drawn.robustTeacher),
    ...given,
  });

/** Central differences of `f` at `at`, element by element. */
const differences = <T extends tf.Tensor>(f: (at: T) => tf.Scalar, at: T, step = 0.01): Float32Array => {
  const values = at.dataSync() as Float32Array;
  const value = (i: number, shift: number): number =>
    tf.tidy(() => {
      const moved = Float32Array.from(values);
      moved[i]! += shift;
      return f(tf.tensor(moved, at.shape) as T).dataSync()[0]!;
    });
  return Float32Array.from(values, (_, i) => (value(i, step) - value(i, -step)) / (2 * step));
};

const checkGradient = <T extends tf.Tensor>(f: (at: T) => tf.Scalar, at: T, what: string): void => {
  const { gradients: slopes } = gradients(() => ({ value: f(at) }), { at });
  const expected = differences(f, at);
  assert.ok(
    expected.some((value) => Math.abs(value) > 1e-4),
    `${what}: it is flat here`,
  );
  assertClose(slopes.at.dataSync(), expected, 3e-3, what);
};

/** The names of those that `value` depends on. */
const dependsOn = (value: () => tf.Scalar, candidates: Tensors): string[] => {
  const { gradients: slopes } = gradients(() => ({ value: value() }), candidates, { optional: true });
  return Object.entries(slopes)
    .filter(([, slope]) => (slope.dataSync() as Float32Array).some((element) => element !== 0))
    .map(([name]) => name)
    .sort();
};

for (const method of methods) {
  for (const changed of settings[method.name] ?? [{}]) {
    for (const phase of phasesOf(method)) {
      const name = [method.name, phase, ...Object.entries(changed).map((entry) => entry.join(' '))].join(', ');
      test(`${name}: gradients of the loss are its finite differences`, () => {
        tf.tidy(() => {
          const drawn = draw();
          const { x, adversarial } = drawn;
          const objective = (given: Partial<Given>, weights: Partial<Drawn> = {}) =>
            method.objective(
              adversarial,
              contextWith(method, { ...drawn, ...weights }, { settings: changed, ...given }),
              phase,
            );

          checkGradient<tf.Tensor2D>((student) => objective({}, { student }).student, drawn.student, 'weights');
          const answers = { x: linear(drawn.student).train(x), adversarial: linear(drawn.student).train(adversarial) };
          const lossOf = (logits: typeof answers): tf.Scalar =>
            objective({
              student: answering(
                new Map([
                  [x, logits.x],
                  [adversarial, logits.adversarial],
                ]),
              ),
            }).student;
          for (const branch of dependsOn(() => lossOf(answers), answers) as ('x' | 'adversarial')[]) {
            checkGradient<tf.Tensor2D>(
              (logits) => lossOf({ ...answers, [branch]: logits }),
              answers[branch],
              `logits of ${branch}`,
            );
          }

          // One backward pass serves both losses: neither may move the other's network.
          if (method.teachers.robust !== 'training-mode') return;
          const networks = { student: drawn.student, robustTeacher: drawn.robustTeacher };
          assert.deepEqual(
            dependsOn(() => objective({}).student, networks),
            ['student'],
          );
          if (objective({}).robustTeacher) {
            assert.deepEqual(
              dependsOn(() => objective({}).robustTeacher!, networks),
              ['robustTeacher'],
            );
            checkGradient<tf.Tensor2D>(
              (robustTeacher) => objective({}, { robustTeacher }).robustTeacher!,
              drawn.robustTeacher,
              "teacher's weights",
            );
          }
        });
      });
    }
  }

  const { ascend } = method;
  if (!ascend) continue;
  test(`${method.name}: the inner maximisation climbs by the gradient of all that moves with the image`, () => {
    tf.tidy(() => {
      const drawn = draw();
      const context = contextWith(method, drawn);
      const values = ascend(drawn.adversarial, context);
      assert.deepEqual(values.shape, [batch], 'a value for every sample');
      checkGradient<tf.Tensor4D>((image) => tf.sum(ascend(image, context)), drawn.adversarial, 'image');
    });
  });
}

test("AdaAD's inner maximisation climbs through both networks, RSLAD's and TRADES' through the student on x' alone", () => {
  tf.tidy(() => {
    const drawn = draw();
    const moved = (name: string): string[] => {
      const method = methods.find((candidate) => candidate.name === name)!;
      // As in a program: what was prepared is an input, which nothing is differentiated through.
      const { prepared } = contextWith(method, drawn);
      const networks = { student: drawn.student, robustTeacher: drawn.robustTeacher };
      return dependsOn(
        () => tf.sum(method.ascend!(drawn.adversarial, { ...contextWith(method, drawn), prepared })),
        networks,
      );
    };
    assert.deepEqual(moved('adaad'), ['robustTeacher', 'student']);
    assert.deepEqual(moved('rslad'), ['student']);
    assert.deepEqual(moved('trades'), ['student']);
  });
});
