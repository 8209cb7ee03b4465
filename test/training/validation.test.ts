import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { gather } from '../../src/data/batches.js';
import { ciard } from '../../src/methods/ciard.js';
import { meanCrossEntropy } from '../../src/methods/losses.js';
import { rslad } from '../../src/methods/rslad.js';
import type { EpochRow } from '../../src/training/run-state.js';
import { createTrainingProgram } from '../../src/training/training-program.js';
import { collapses } from '../../src/training/validation.js';
import { assertClose } from '../oracle.js';
import { drawnTeachers, set, student, tiny } from './runs.js';
import { createRng } from '../../src/random.js';

const history = (...robust: (number | undefined)[]): EpochRow[] =>
  robust.map((value, i) => ({
    epoch: i + 1,
    learningRate: 0.1,
    terms: { loss: 1 },
    ...(value === undefined ? {} : { validation: { clean: 0.5, robust: value } }),
  }));

test('collapse: robustness above 3 % that is as good as zero at the next validation', () => {
  assert.deepEqual(collapses(history(0, 0.2, 0.3, 0.25)), []);
  assert.deepEqual(collapses(history(0, 0.02, 0, 0)), [], 'there was nothing to lose');
  assert.deepEqual(collapses(history(0.3, 0.05, 0.01)), [], 'it falls, and not to nothing');
  const [message, ...rest] = collapses(history(0.1, undefined, 0.35, 0.001, 0));
  assert.equal(rest.length, 0, 'told once');
  assert.match(message!, /^robust accuracy collapsed in epoch 4: under PGD 0\.1 % .* after 35\.0 % in epoch 3\./);
  assert.equal(collapses(history(0.1, undefined, 0)).length, 1, 'epochs that were not validated lie between');
});

// CIARD's robust teacher answers in training mode while it trains: held-out images lie together by class, and a batch of one
// class has statistics that no batch of a training has.
for (const method of [ciard, rslad]) {
  test(`${method.name}: its robust teacher is measured on the student's adversarial images in evaluation mode`, () => {
    const teachers = drawnTeachers();
    const { robustTeacher } = teachers;
    const weights = student.initialise(createRng(3));
    const program = createTrainingProgram({
      method,
      recipe: tiny(method),
      networks: { student: { network: student, weights }, ...teachers },
      batchSizes: [16],
    });
    tf.tidy(() => {
      const { images, labels } = gather(
        set,
        Uint32Array.from({ length: 16 }, (_, i) => 100 * i),
      );
      const shape: [number, number, number, number] = [16, 32, 32, 3];
      const given = { x: tf.tensor4d(images, shape), labels: tf.tensor1d(labels, 'int32') };
      program.fold();
      const clean = program.beginValidation({ ...given, noise: tf.zeros<tf.Rank.R4>(shape) });
      const evaluated = student.evaluate(student.fold(weights), given.x);
      assertClose(clean, evaluated.dataSync(), 1e-4, 'the student on x');
      const before = program.snapshot();
      // No step of the attack: x' is x.
      const { student: own, robustTeacher: answers } = program.endValidation();
      assertClose(own, evaluated.dataSync(), 1e-4, "the student on x'");
      const { network } = robustTeacher;
      const expected = network.evaluate(network.fold(robustTeacher.weights), given.x);
      assertClose(answers!, expected.dataSync(), 1e-4, 'the teacher');
      const afterwards = program.snapshot();
      for (const [name, value] of Object.entries(before))
        assert.deepEqual(afterwards[name]!.dataSync(), value.dataSync());
      // The attack climbs the student's loss.
      for (let i = 0; i < 10; i++) program.ascendValidation();
      const lossOf = (logits: Float32Array): number =>
        meanCrossEntropy(tf.tensor2d(logits, [16, 10]), given.labels).dataSync()[0]!;
      const [onX, reached] = [lossOf(clean), lossOf(program.endValidation().student)];
      assert.ok(reached > onX + 0.01, `the attack took the loss from ${onX} to ${reached}`);
    });
    program.dispose();
    tf.dispose([weights, robustTeacher.weights, teachers.cleanTeacher.weights]);
  });
}
