import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import '../../src/engine/backend.js';
import { displaySymbol, type Displayable } from '../../src/display.js';
import { verdicts } from '../../src/experiments/claims.js';
import { settingOf } from '../../src/experiments/setting.js';
import { notebookSetting } from '../../src/kernel/notebook-setting.js';
import { recordedTable } from '../../src/kernel/notebook-table.js';
import { claimsTable } from '../../src/views/claims.js';
import { findings } from '../../src/views/findings.js';
import { temporaryFolder } from '../temporary.js';

const textOf = async (shown: Displayable): Promise<string> => String((await shown[displaySymbol]())['text/plain']);

test('a table of which nothing is recorded says so, and what measures it', async (t) => {
  const folder = temporaryFolder(t);
  const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
  const found = await recordedTable('students', { data: 'cifar10', scale: 'lite', places });
  assert.deepEqual([found.rows, found.figures], [[], []]);
  assert.match(
    await textOf(found),
    /0 of 66 networks are trained; npx ciard table students --scale lite --data cifar10 trains/,
  );
  const rounded = await recordedTable('students', { data: 'cifar10', scale: 'lite', precision: 'bf16', places });
  assert.match(await textOf(rounded), /npx ciard table students --scale lite --data cifar10 --precision bf16 trains/);
});

test('what is recorded is shown with its figures, and not run', async () => {
  const found = await recordedTable('students');
  assert.equal(found.measured.length, 66);
  assert.equal(found.figures.length, 2);
  const text = await textOf(found);
  assert.match(text, /All 66 networks are trained; npx ciard table students --scale quick --data synthetic/);
  assert.match(text, /CIARD \(published code\)/);
});

test('verdicts of chosen claims, with the command of each', async () => {
  const text = await textOf(claimsTable(await verdicts(await settingOf('quick')), [4, 6]));
  assert.match(text, /npx ciard table ablation-terms --scale quick --data synthetic/);
  assert.match(text, /npx ciard table degradation/);
  assert.doesNotMatch(text, /table students/);
});

test('what was found is told from the records, and where there are none what makes them', async () => {
  const setting = await settingOf('quick');
  const text = await textOf(findings(await verdicts(setting), [5, 6]));
  assert.match(
    text,
    /Undecided\. slope of robust accuracy over the last third, an epoch: [+−]\d+\.\d\d \(.* … .*, 3 replicates\); asked for is < 0\. /,
  );
  assert.match(text, /of 2 comparisons \d holds?, \d (is|are) contradicted/);
  const nothing = await textOf(findings(await verdicts(setting, { results: 'no-such', runs: 'no-such' }), [6]));
  assert.match(nothing, /Nothing is measured: npx ciard table degradation --scale quick/);
});

test('a notebook is run whole by a person, small by a test', () => {
  const before = { ...process.env };
  try {
    delete process.env['CIARD_NOTEBOOK_BUDGET'];
    delete process.env['CIARD_NOTEBOOK_RUNS'];
    const whole = notebookSetting('x');
    assert.deepEqual(
      [whole.isSmall, whole.runs, whole.scale.trainImages],
      [false, join('runs', 'notebooks', 'x'), 2000],
    );
    process.env['CIARD_NOTEBOOK_BUDGET'] = 'small';
    process.env['CIARD_NOTEBOOK_RUNS'] = 'elsewhere';
    const small = notebookSetting('x');
    assert.deepEqual([small.isSmall, small.places.runs], [true, join('elsewhere', 'cells')]);
    assert.ok(small.scale.trainImages! < whole.scale.trainImages!);
  } finally {
    process.env = before;
  }
});
