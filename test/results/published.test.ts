import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { resolveAttack } from '../../src/attacks/catalogue.js';
import { studentNames } from '../../src/experiments/scale.js';
import { findMethod } from '../../src/methods/catalogue.js';
import { publishedRow, selectPublished } from '../../src/results/published.js';
import { publishedMethods } from '../methods/published-methods.js';

const { rows } = JSON.parse(readFileSync(new URL('../../src/results/published.json', import.meta.url), 'utf8')) as {
  rows: Parameters<typeof selectPublished>[0];
};

test('published numbers are found by our names, with their source', () => {
  const row = publishedRow('cifar10', 'mobilenetv2', 'ciard');
  assert.deepEqual([row?.values['clean'], row?.values['fgsm'], row?.values['autoattack']], [89.51, 59.1, 46.31]);
  assert.deepEqual([row?.paper, row?.secondHand], ['CIARD', true]);
  // What the code trains is the paper's method too.
  assert.deepEqual(publishedRow('cifar10', 'mobilenetv2', 'ciard-code'), row);
  assert.equal(publishedRow('cifar100', 'resnet18', 'ciard')?.values['autoattack'], undefined);
  assert.equal(publishedRow('synthetic', 'resnet18', 'ciard'), undefined);
  assert.equal(publishedRow('cifar10', 'resnet18', 'trades')?.secondHand, false);
});

test('baselines are as MTARD and RSLAD print them, and RSLAD’s black-box numbers stand beside nobody’s', () => {
  const rslad = publishedRow('cifar10', 'resnet18', 'rslad');
  assert.deepEqual([rslad?.paper, rslad?.values['bb-cw']], ['MTARD', 63.02]);
  const mobile = publishedRow('cifar10', 'mobilenetv2', 'rslad');
  assert.equal(mobile?.paper, 'RSLAD');
  assert.deepEqual(
    Object.keys(mobile.values).filter((attack) => attack.startsWith('bb-') || attack.startsWith('square')),
    [],
  );
});

test('there is one row of a data set, student and method, and what it names we have', () => {
  const keys = rows.map(({ dataset, student, method }) => `${dataset} ${student} ${method}`);
  assert.equal(new Set(keys).size, keys.length);
  for (const { values, student, method } of rows) {
    assert.ok(
      studentNames.some((name) => name === student),
      student,
    );
    findMethod(method);
    for (const attack of Object.keys(values)) resolveAttack(attack);
  }
  assert.ok(publishedMethods.every((name) => name === 'ciard-code' || rows.some(({ method }) => method === name)));
});

test('what is suspect is not taken: a number, or a row', () => {
  // The poster's number repeats the one beside it.
  const mtard = publishedRow('cifar100', 'resnet18', 'mtard');
  assert.deepEqual([mtard?.values['bb-cw'], mtard?.values['square-100']], [41.03, undefined]);
  const [row] = rows as [(typeof rows)[number]];
  const select = (...candidates: typeof rows) => selectPublished(candidates, row.dataset, row.student, row.method);
  assert.notEqual(select(row), undefined);
  assert.equal(select({ ...row, suspect: 'misprint' }), undefined);
});
