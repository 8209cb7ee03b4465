import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { csvTable, markdownTable, textTable } from '../../src/results/table.js';
import { exampleRecord } from '../figures/example-record.js';

const measured = (correct: number, total = 1000) => ({
  correct,
  total,
  interval: [correct / total - 0.03, correct / total + 0.03] as const,
});

const records = [
  exampleRecord({
    id: 'teacher',
    role: 'robust teacher',
    attacks: { 'pgd-sat': measured(296), clean: measured(480) },
  }),
  exampleRecord({
    id: 'ciard',
    title: 'CIARD, "quoted"',
    width: 1,
    attacks: { clean: measured(566), fgsm: measured(224), 'pgd-sat': measured(169) },
    paper: { values: { clean: 88.87, autoattack: 48.88 }, source: 'a table' },
  }),
];

test('a table: columns in the order of the attacks, the published number in brackets, gaps as dashes', () => {
  const lines = markdownTable(records).split('\n');
  assert.deepEqual(lines.slice(0, 4), [
    '| Network | Trained by | Clean | FGSM | PGD-20 (sat) | W-Robust |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    '| resnet18 × 0.25 | PGD-AT (robust teacher) | 48.00 | – | 29.60 | 38.80 |',
    '| resnet18 | CIARD, "quoted" | 56.60 (88.87) | 22.40 | 16.90 | 36.75 |',
  ]);
  assert.match(lines[5]!, /^Accuracy in percent on 1000 test images, ε 8\/255; .* within ± 3\.0 points/);
  assert.match(lines[5]!, /full width \(CIARD, "quoted": a table\)\.$/);
});

test('a source that rows share is named once', () => {
  const [teacher, student] = records as [(typeof records)[0], (typeof records)[0]];
  const other = { ...student, id: 'other', title: 'Another' };
  assert.match(markdownTable([teacher, student, other]), /full width \(CIARD, "quoted", Another: a table\)\.$/m);
});

test('a table for a terminal has columns of one width', () => {
  const lines = textTable(records).split('\n').slice(0, 4);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
});

test('CSV: fractions with their intervals, quoted as RFC 4180 has it', () => {
  const rows = csvTable([exampleRecord({ id: 'a,"b"', attacks: { clean: measured(500) } })]).split('\r\n');
  assert.equal(
    rows[0],
    'id,role,method,architecture,width,dataset,seed,clean_accuracy,clean_low,clean_high,clean_paper,test_images',
  );
  assert.equal(rows[1], '"a,""b""",student,pgd-at,resnet18,0.25,synthetic,0,0.5,0.47,0.53,,1000');
});

test('no results make no table', () => {
  for (const table of [markdownTable, textTable, csvTable]) assert.throws(() => table([]), UserError);
});
