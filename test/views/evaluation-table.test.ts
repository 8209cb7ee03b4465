import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displaySymbol } from '../../src/display.js';
import type { Evaluation } from '../../src/evaluation/evaluate.js';
import { outcomeOf } from '../../src/evaluation/outcome.js';
import { evaluationTable, measuredAttacks } from '../../src/views/evaluation-table.js';

const evaluation = (correct: Readonly<Record<string, number>>): Evaluation => ({
  attacks: Object.fromEntries(
    Object.entries(correct).map(([name, count]) => [
      name,
      outcomeOf(
        Uint8Array.from({ length: 200 }, (_, i) => Number(i < count)),
        200,
        1,
      ),
    ]),
  ),
  wRobust: { 'pgd-sat': ((correct['clean'] ?? 0) + (correct['pgd-sat'] ?? 0)) / 400 },
  warnings: [],
});
const textOf = async (...args: Parameters<typeof evaluationTable>): Promise<Record<string, string>> =>
  (await evaluationTable(...args)[displaySymbol]()) as Record<string, string>;

const networks = {
  student: evaluation({ clean: 180, 'pgd-sat': 110 }),
  teacher: evaluation({ clean: 190, 'pgd-sat': 100, own: 90 }),
};

test('networks stand side by side, an attack that one was not put to leaves a dash', async () => {
  const { 'text/plain': text = '' } = await textOf(networks, { caption: 'Test set', wRobust: 'pgd-sat' });
  const [caption, head, , student, teacher, note] = text.split('\n');
  assert.equal(caption, 'Test set');
  assert.match(head!, /^Network +Clean \(%\) +PGD-20 \(sat\) \(%\) +own \(%\) +W-Robust \(%\)$/);
  assert.match(student!, /^student +90\.00 \(85\.1–93\.4\) +55\.00 \(48\.1–61\.7\) +– +72\.50$/);
  assert.match(teacher!, /^teacher +95\.00 \([^)]+\) +50\.00 \([^)]+\) +45\.00 \([^)]+\) +72\.50$/);
  assert.match(note!, /on 200 images/);
});

test('the best of each column is bold, and nothing is where there is one network', async () => {
  const { 'text/html': html = '' } = await textOf(networks, { wRobust: 'pgd-sat' });
  assert.deepEqual(html.match(/<b>[\d.]+<\/b>/g), [
    '<b>55.00</b>',
    '<b>72.50</b>',
    '<b>95.00</b>',
    '<b>45.00</b>',
    '<b>72.50</b>',
  ]);
  const { 'text/html': alone = '' } = await textOf({ student: networks.student }, { wRobust: 'pgd-sat' });
  assert.doesNotMatch(alone, /<b>\d/);
});

test('what is doubtful is said under the table', async () => {
  const doubtful = { ...networks.student, warnings: [{ attack: 'pgd-sat', message: 'the gradients may be masked' }] };
  const { 'text/plain': text = '' } = await textOf({ student: doubtful });
  assert.match(text, /\nWarning, student, PGD-20 \(sat\): the gradients may be masked$/);
});

test('before the first network is evaluated the table says so', async () => {
  const { 'text/plain': text = '' } = await textOf({});
  assert.equal(text, 'Nothing is evaluated yet.');
});

test('figures take an evaluation as proportions with intervals', () => {
  const { clean } = measuredAttacks(networks.student);
  assert.equal(clean?.value, 0.9);
  assert.deepEqual(clean.interval, networks.student.attacks['clean']!.interval);
});
