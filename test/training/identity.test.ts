import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { pgdAt } from '../../src/methods/pgd-at.js';
import { rslad } from '../../src/methods/rslad.js';
import { createNetwork } from '../../src/models/network.js';
import { identityOf, type IdentityParts } from '../../src/training/identity.js';
import { drawnTeachers, held, set, student, tiny } from './runs.js';

const parts: IdentityParts = {
  method: pgdAt,
  recipe: tiny(pgdAt),
  student,
  set,
  train: held.train,
  validation: held.validation,
  seed: 0,
};
const text = (changes: Partial<IdentityParts>): string => JSON.stringify(identityOf({ ...parts, ...changes }));

test('an identity is plain JSON, and the same for the same', () => {
  const identity = identityOf(parts);
  assert.deepEqual(JSON.parse(JSON.stringify(identity)), identity);
  assert.equal(text({}), text({}));
  assert.equal(identity.data.md5, set.md5);
  assert.equal(identity.student.weights, null);
});

test('data are told apart by content and by which images of them are used', () => {
  const all = [
    text({}),
    text({ set: { ...set, md5: '0' } }),
    text({ train: held.train.slice(1) }),
    text({ train: held.train.slice(0, -1) }),
    text({ train: held.train.slice().reverse() }),
    text({ validation: held.validation.slice(1) }),
    text({ seed: 1 }),
  ];
  assert.equal(new Set(all).size, all.length);
});

test('networks are told apart by weights, width and normalisation', () => {
  const { cleanTeacher, robustTeacher } = drawnTeachers();
  const method = rslad;
  const normalised = createNetwork('cifar-resnet-8', {
    width: 0.5,
    normalisation: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
  });
  const other = { ...robustTeacher.weights, 'conv1.weight': tf.mul(robustTeacher.weights['conv1.weight']!, 2) };
  const all = [
    text({ method, robustTeacher }),
    text({ method, robustTeacher: { network: normalised, weights: robustTeacher.weights } }),
    text({ method, robustTeacher: { network: robustTeacher.network, weights: other } }),
    text({ method, robustTeacher: cleanTeacher }),
    text({ method, student: normalised, robustTeacher }),
    text({ method, studentWeights: robustTeacher.weights, robustTeacher }),
  ];
  assert.equal(new Set(all).size, all.length);
  tf.dispose([cleanTeacher.weights, robustTeacher.weights, other['conv1.weight']]);
});
