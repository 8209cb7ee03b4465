import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { crossEntropy } from '../../src/engine/softmax.js';
import { ciardCode } from '../../src/methods/ciard.js';
import { createNetwork } from '../../src/models/network.js';
import { toTorch } from '../../src/models/layout.js';
import { createTrainingProgram } from '../../src/training/training-program.js';
import { assertClose, oracleJson, oracleTensors, oracleWeights } from '../oracle.js';

interface Step {
  readonly adv: number;
  readonly nat: number;
  readonly push: number;
  readonly total: number;
  readonly teacher_ce: number;
  readonly student_param_norms: Readonly<Record<string, number>>;
  readonly teacher_param_norms: Readonly<Record<string, number>>;
  readonly student_state: Readonly<Record<string, readonly number[]>>;
  readonly robust_teacher_state: Readonly<Record<string, readonly number[]>>;
  readonly clean_teacher_state: Readonly<Record<string, readonly number[]>>;
}

const step = oracleJson('ciard_step') as Step;
const stored = oracleTensors('ciard_step');
const images = (name: string): tf.Tensor4D =>
  tf.tidy(() => tf.transpose(tf.tensor4d(stored(name).values, [8, 3, 32, 32]), [0, 2, 3, 1]));

for (const eager of [true, false]) {
  test(`one step of the published CIARD code, ${eager ? 'eager' : 'as a graph'}`, () => {
    const before = tf.memory().numTensors;
    const student = createNetwork('mobilenetv2');
    const robust = createNetwork('wrn-10-1');
    const clean = createNetwork('cifar-resnet-20');
    const networks = {
      student: { network: student, weights: oracleWeights(student, step.student_state) },
      robustTeacher: { network: robust, weights: oracleWeights(robust, step.robust_teacher_state) },
      cleanTeacher: { network: clean, weights: oracleWeights(clean, step.clean_teacher_state) },
    };
    const program = createTrainingProgram({
      method: ciardCode,
      recipe: ciardCode.recipe,
      networks,
      batchSizes: [8],
      eager,
    });
    for (const { weights } of Object.values(networks)) tf.dispose(weights);
    const labels = Int32Array.from(stored('y').values);
    const start = images('start_noise');
    const batch = { x: images('x'), labels: tf.tensor1d(labels, 'int32'), noise: tf.mul<tf.Tensor4D>(start, 0.001) };

    program.beginEpoch({ scalars: {}, rates: { student: 0.1, robustTeacher: 1e-4 } });
    program.begin(batch);
    for (let i = 0; i < 10; i++) program.ascend();
    // Ten sign steps in a network of random weights are chaotic: a change of 1e-7 in the start moves four pixels of ten by
    // whole steps. What must agree is how far the loss was driven.
    const published = images('x_adv');
    const reached = (): Float32Array =>
      tf.tidy(() => {
        const logits = tf.tensor2d(program.endValidation().student, [8, 10]);
        return crossEntropy(logits, batch.labels).dataSync() as Float32Array;
      });
    const ours = reached();
    program.restore({ 'batch@8/adversarial': published });
    assertClose(ours, reached(), 0.02, 'loss on the adversarial images');

    const terms = program.step('distil and retrain');
    const value = (name: string): number => terms[name]!;
    assertClose([value('adversarial')], [step.adv], 1e-3, 'adversarial loss');
    assertClose([value('natural')], [step.nat], 1e-3, 'natural loss');
    assertClose([value('push')], [step.push], 1e-3, 'push loss');
    assertClose([value('loss')], [step.total], 1e-3, 'total');
    assertClose([value('teacher')], [step.teacher_ce], 1e-3, "the teacher's loss");
    for (const [who, norms, after] of [
      ['student', step.student_param_norms, 'student_conv1_after'],
      ['robustTeacher', step.teacher_param_norms, 'robust_conv1_after'],
    ] as const) {
      const weights = program.weights(who);
      for (const [name, norm] of Object.entries(norms)) {
        const ours = tf.tidy(() => tf.norm(weights[name]!).dataSync()[0]!);
        assert.ok(Math.abs(ours - norm) <= 1e-3 * norm, `${who} ${name}: norm ${ours}, expected ${norm}`);
      }
      const network = who === 'student' ? student : robust;
      const spec = network.variables.find(({ name }) => name === 'conv1.weight')!;
      const conv1 = toTorch(spec, weights['conv1.weight']!.dataSync() as Float32Array);
      // A pre-activation that rounding carries over a ReLU's kink moves the first layer a little (measured: 1.03e-3 with
      // one thread).
      assertClose(conv1, stored(after).values, 3e-3, `${who} conv1.weight after the step`);
      tf.dispose(weights);
    }

    tf.dispose([published, start, batch.x, batch.labels, batch.noise]);
    program.dispose();
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  });
}
