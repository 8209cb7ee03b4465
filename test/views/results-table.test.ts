import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displaySymbol } from '../../src/display.js';
import { wilsonInterval } from '../../src/evaluation/interval.js';
import { resultsTable } from '../../src/views/results-table.js';
import { UserError } from '../../src/errors.js';
import { exampleRecord } from '../figures/example-record.js';

const measured = (correct: number) => ({ correct, total: 1000, interval: wilsonInterval(correct, 1000) });

const records = [
  exampleRecord({
    id: 'teacher',
    role: 'clean teacher',
    title: 'Natural',
    attacks: { clean: measured(950), 'pgd-sat': measured(0) },
  }),
  exampleRecord({ id: 'pgd-at', title: 'PGD-AT', attacks: { clean: measured(820), 'pgd-sat': measured(480) } }),
  exampleRecord({
    id: 'ciard',
    title: 'CIARD',
    attacks: { clean: measured(870), 'pgd-sat': measured(470) },
    paper: { values: { clean: 88.87, autoattack: 50.5 }, source: 'the paper' },
  }),
];

test('results: accuracies with their intervals, the best student of each column bold', async () => {
  const bundle = await resultsTable(records)[displaySymbol]();
  const html = String(bundle['text/html']);
  const cell = (of: string): string => `<td style="text-align:right">${of}</td>`;
  assert.ok(html.includes(cell('95.00<br><small>93.5–96.2</small>')), 'a teacher is not in the race');
  assert.ok(html.includes(cell('<b>48.00</b><br><small>44.9–51.1</small>')));
  assert.ok(html.includes(cell('<b>87.00</b><br><small>84.8–88.9 · paper 88.87</small>')));
  assert.ok(html.includes(cell('47.00<br><small>43.9–50.1</small>')));
  assert.match(html, /PGD-20 \(sat\) \(%\)/);
  assert.match(html, /on 1000 test images, ε = 8\/255/);
  assert.match(String(bundle['text/markdown']), /^\| Network \|/);
  assert.match(String(bundle['text/plain']), /^Network /);
});

test('no results are no table', async () => {
  await assert.rejects(async () => {
    await resultsTable([])[displaySymbol]();
  }, UserError);
});
