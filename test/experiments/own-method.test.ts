import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import '../../src/engine/backend.js';
import { crossEntropy } from '../../src/engine/softmax.js';
import { UserError } from '../../src/errors.js';
import { defineGrid } from '../../src/experiments/grid.js';
import { table } from '../../src/kernel/notebook-table.js';
import { findMethod } from '../../src/methods/catalogue.js';
import { defineMethod, type Method } from '../../src/methods/method.js';
import * as tf from '@tensorflow/tfjs-core';
import { temporaryFolder } from '../temporary.js';
import { tinyScale } from './tiny.js';

/** A method as a notebook's cell writes it: the label smoothed by `spread`, which is in its code. */
const own = (objective: Method['objective']): Method =>
  defineMethod({
    name: 'own',
    title: 'A method of one’s own',
    source: 'this test',
    teachers: {},
    recipe: findMethod('natural').recipe,
    objective,
  });
const plain = own((x, { student, labels }) => {
  const loss = tf.mean<tf.Scalar>(crossEntropy(student.train(x), labels));
  return { student: loss, terms: { loss } };
});
const doubled = own((x, { student, labels }) => {
  const loss = tf.mul<tf.Scalar>(2, tf.mean(crossEntropy(student.train(x), labels)));
  return { student: loss, terms: { loss } };
});
const gridOf = (method: Method) =>
  defineGrid({
    name: 'own-table',
    variants: [method, findMethod('pgd-at')].map((each) => ({ key: each.name, title: each.title, method: each })),
    attacks: ['clean', 'fgsm'],
  });

const folder = temporaryFolder();
const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
const request = { scale: tinyScale, seeds: 2, places };

test('a table of a method of one’s own beside one of the catalogue: run once, compared, its networks at hand', async () => {
  const run = await table(gridOf(plain), request);
  assert.deepEqual(
    run.rows.map(({ method, n }) => [method, n]),
    [
      ['own', 2],
      ['pgd-at', 2],
    ],
  );
  assert.equal(run.records.length, 2 * 2 * 3);
  const { comparisons } = run.compare('own', 'pgd-at', ['clean', 'fgsm']);
  assert.deepEqual(
    comparisons.map(({ n, interval }) => [n, interval !== null]),
    [
      [2, true],
      [2, true],
    ],
  );
  const { network, weights } = await run.network('own', { replicate: 1 });
  assert.equal(network.architecture, tinyScale.students.resnet18!.architecture);
  tf.dispose(weights);
  await assert.rejects(run.network('own', { teacher: 'clean' }), UserError);
  assert.throws(() => run.compare('own', 'ciard'), UserError);

  const records = join(places.results, 'own-table', 'records');
  const times = () => readdirSync(records).map((name) => [name, statSync(join(records, name)).mtimeMs]);
  const before = times();
  await table(gridOf(plain), request);
  assert.deepEqual(times(), before, 'what is done is not done again');
  // Other code is another cell; the other method's stay.
  await table(gridOf(doubled), request);
  assert.equal(times().length, before.length + 2 * 3);
});

test('two rows of one key are refused', () => {
  const variant = { key: 'twice', title: 'Twice', method: plain };
  assert.throws(() => defineGrid({ name: 'g', variants: [variant, variant] }), UserError);
});
