import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { gradients } from '../../src/engine/gradient.js';
import { balanced, bMtard, nextTemperatures } from '../../src/methods/b-mtard.js';
import { mtard, mtardState, nextWeights } from '../../src/methods/mtard.js';
import type { Settings } from '../../src/methods/recipe.js';
import { createRng } from '../../src/random.js';
import { assertClose } from '../oracle.js';
import { answering, contextOf, linear } from './contexts.js';

const numbers = (tensors: Readonly<Record<string, tf.Tensor>>): Record<string, number> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.dataSync()[0]!]));

/** One step of the rule on numbers. */
const step = (state: typeof mtardState, adversarial: number, natural: number, rate = 0.025): typeof mtardState =>
  tf.tidy(() => {
    const tensors = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, tf.scalar(value)]));
    const { weights, first } = nextWeights(
      tensors,
      { adversarial: tf.scalar(adversarial), natural: tf.scalar(natural) },
      rate,
    );
    return numbers({
      weightAdversarial: weights.adversarial,
      weightNatural: weights.natural,
      firstAdversarial: first.adversarial,
      firstNatural: first.natural,
    }) as typeof mtardState;
  });

test('weights: the first step keeps its losses, and weights both equally whatever they are', () => {
  const after = step(mtardState, 0.4, 0.1);
  assertClose(
    [after.weightAdversarial, after.weightNatural, after.firstAdversarial, after.firstNatural],
    [0.5, 0.5, 0.4, 0.1],
    1e-6,
    'state',
  );
});

test('weights: the loss that has fallen less is weighted more', () => {
  // Adversarial halved, natural fell to a fifth: l = .5 and .2, targets 5/7 and 2/7.
  const after = step(step(mtardState, 0.4, 0.1), 0.2, 0.02);
  assertClose(
    [after.weightAdversarial, after.weightNatural],
    [0.5 + 0.025 * (5 / 7 - 0.5), 0.5 + 0.025 * (2 / 7 - 0.5)],
    1e-6,
    'weights',
  );
  assertClose([after.firstAdversarial, after.firstNatural], [0.4, 0.1], 1e-6, 'first losses');
});

test('weights: from uniform, a loss has fallen from what it would be of even answers, whatever a prefix has taught', () => {
  tf.tidy(() => {
    const rng = createRng(4);
    const [batch, classes] = [6, 4];
    const logits = (who: string, deviation: number): tf.Tensor2D =>
      tf.tensor2d(rng.fork(who).normals(batch * classes, deviation), [batch, classes]);
    const [clean, robust] = [logits('clean', 3), logits('robust', 1)];
    const x = tf.zeros<tf.Rank.R4>([batch, 2, 2, 3]);
    const adversarial = tf.ones<tf.Rank.R4>([batch, 2, 2, 3]);
    // As a prefix leaves it: it answers as the clean teacher does, and says the same of x'.
    const student = answering(
      new Map([x, adversarial].map((images) => [images, tf.mul<tf.Tensor2D>(clean, 0.9)] as const)),
    );
    const lossOfEven = (teacher: tf.Tensor2D): number => {
      const p = tf.softmax(teacher).arraySync();
      return p.flat().reduce((sum, each) => sum + each * Math.log((each + 1e-5) * classes), 0) / (batch * 10);
    };
    for (const method of [mtard, bMtard]) {
      const stateAfter = (settings: Settings): Readonly<Record<string, number>> => {
        const labels = tf.zeros<tf.Rank.R1>([batch], 'int32');
        const cleanTeacher = answering(new Map([[x, clean]]));
        const robustTeacher = answering(new Map([[adversarial, robust]]));
        const context = contextOf(method, { x, labels, student, cleanTeacher, robustTeacher, settings });
        return numbers(method.objective(adversarial, context, 'train').state!);
      };
      const { firstAdversarial, firstNatural, weightAdversarial } = stateAfter({ fallsFrom: 'uniform' });
      const expected = [lossOfEven(robust), lossOfEven(clean)];
      assertClose([firstAdversarial!, firstNatural!], expected, 1e-5, `${method.name}: the losses of even answers`);
      assert.ok(weightAdversarial! > 0.51, `${method.name}: ${weightAdversarial} for what is not known yet`);
      const published = stateAfter({});
      assertClose([published['weightAdversarial']!, published['weightNatural']!], [0.5, 0.5], 1e-6, method.name);
    }
  });
});

test('weights: they stay in [0, 1] and sum to 1, so that clipping and dividing by their sum only takes rounding away', () => {
  const loss = fc.double({ min: 1e-4, max: 3, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(loss, loss), { minLength: 1, maxLength: 20 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (losses, rate) => {
        let state = mtardState;
        for (const [adversarial, natural] of losses) state = step(state, adversarial, natural, rate);
        const { weightAdversarial: a, weightNatural: n } = state;
        assert.ok(a >= 0 && a <= 1 && n >= 0 && n <= 1, `${a} and ${n}`);
        assert.ok(Math.abs(a + n - 1) < 1e-5);
        tf.tidy(() => {
          const after = balanced({ adversarial: tf.scalar(a), natural: tf.scalar(n) });
          assertClose(Object.values(numbers({ ...after })), [a, n], 1e-5, 'balanced');
        });
      },
    ),
    { numRuns: 30 },
  );
});

test('balanced: negatives are set to 0, and the weights divided by their sum', () => {
  tf.tidy(() => {
    const of = (adversarial: number, natural: number): number[] =>
      Object.values(numbers({ ...balanced({ adversarial: tf.scalar(adversarial), natural: tf.scalar(natural) }) }));
    assertClose(of(-0.1, 0.8), [0, 1], 1e-6, 'one negative');
    assertClose(of(0.2, 0.6), [0.25, 0.75], 1e-6, 'sum below 1');
  });
});

test('the rates of the rules fall with the learning rate', () => {
  const scalars = (method: typeof mtard, epoch: number): Readonly<Record<string, number>> =>
    method.scalars!({ progress: (epoch - 1) / 300, settings: {}, validations: [] });
  for (const [epoch, factor] of [
    [1, 1],
    [214, 1],
    [215, 0.1],
    [260, 0.01],
    [300, 0.001],
  ] as const) {
    assertClose([scalars(mtard, epoch)['weightRate']!], [0.025 * factor], 1e-9, 'MTARD');
    const { weightRate, temperatureRate } = scalars(bMtard, epoch);
    assertClose([weightRate!, temperatureRate!], [0.025 * factor, 0.001 * factor], 1e-9, 'B-MTARD');
  }
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

for (const method of [mtard, bMtard]) {
  test(`${method.name}: a later step's loss and gradient are the weighted ones, its weights constants`, () => {
    tf.tidy(() => {
      const rng = createRng(3);
      const weights = (who: string): tf.Tensor2D => tf.tensor2d(rng.fork(who).normals(12 * 4), [12, 4]);
      const x = tf.tensor4d(rng.fork('x').uniforms(5 * 12), [5, 2, 2, 3]);
      const adversarial = tf.add<tf.Tensor4D>(x, tf.tensor4d(rng.fork("x'").normals(x.size, 0.1), x.shape));
      const student = weights('student');
      const labels = tf.tensor1d([0, 1, 2, 3, 0], 'int32');
      const state = {
        weightAdversarial: 0.7,
        weightNatural: 0.3,
        firstAdversarial: 0.9,
        firstNatural: 0.2,
        ...(method === bMtard ? { temperatureAdversarial: 1.3, temperatureNatural: 2.1 } : {}),
      };
      const objective = () =>
        method.objective(
          adversarial,
          contextOf(method, {
            x,
            labels,
            student: linear(student),
            cleanTeacher: linear(weights('clean teacher')),
            robustTeacher: linear(weights('robust teacher')),
            state,
          }),
          'train',
        );
      const of = (pick: (made: ReturnType<typeof objective>) => tf.Scalar) =>
        gradients(() => ({ value: pick(objective()) }), { student });
      const whole = of((made) => made.student);
      const [l1, l2] = [of((made) => made.terms['adversarial']!), of((made) => made.terms['natural']!)];
      const { weightAdversarial, weightNatural } = numbers(objective().state!);
      const [value1, value2] = [l1.value.dataSync()[0]!, l2.value.dataSync()[0]!];
      const left = [value1 / state.firstAdversarial, value2 / state.firstNatural] as const;
      assertClose(
        [weightAdversarial!, weightNatural!],
        [0.7 - 0.025 * (0.7 - left[0] / (left[0] + left[1])), 0.3 - 0.025 * (0.3 - left[1] / (left[0] + left[1]))],
        1e-6,
        'weights',
      );
      assertClose(whole.value.dataSync(), [weightAdversarial! * value1 + weightNatural! * value2], 1e-6, 'loss');
      assertClose(
        whole.gradients.student.dataSync(),
        tf
          .add(tf.mul(l1.gradients.student, weightAdversarial!), tf.mul(l2.gradients.student, weightNatural!))
          .dataSync(),
        1e-5,
        'gradient',
      );
    });
  });
}
