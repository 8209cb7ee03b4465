import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examine } from '../../src/doctor/report.js';
import { dvcDataStatus, dvcStatus, hasDvc } from '../../src/dvc/dvc.js';
import { verifyData } from '../../src/dvc/verify.js';
import { displaySymbol, type MimeBundle } from '../../src/figures/displayable.js';
import { dvcStatusTable, dvcStatusView } from '../../src/figures/dvc-status.js';
import { viewOf } from '../../src/figures/views.js';
import { createNetwork } from '../../src/models/network.js';
import type { TrainingRun } from '../../src/training/train.js';
import { exampleRecord } from './example-record.js';

const shown = async (value: unknown): Promise<MimeBundle> => {
  const view = viewOf(value);
  assert.ok(view, 'the value is not recognised');
  return view[displaySymbol]();
};

test('a network shows its summary', async () => {
  const bundle = await shown(createNetwork('mobilenetv2'));
  assert.match(String(bundle['text/plain']), /^mobilenetv2: 10 classes/);
});

test('results show their table, one as many', async () => {
  const record = exampleRecord({ attacks: { clean: { correct: 9, total: 10, interval: [0.6, 0.98] } } });
  assert.match(String((await shown([record, record]))['text/html']), /90\.00/);
  assert.match(String((await shown(record))['text/html']), /90\.00/);
});

test('a training run shows its curves', async () => {
  const run: TrainingRun = {
    history: [{ epoch: 1, learningRate: 0.1, terms: { loss: 1 }, validation: { clean: 0.5, robust: 0.25 } }],
    best: { epoch: 1, score: 0.375 },
    lastFile: 'last.safetensors',
    bestFile: 'best.safetensors',
    seconds: 1,
  };
  assert.match(String((await shown(run))['text/plain']), /chosen: epoch 1/);
});

test("the doctor's report shows what is wrong first, and no folder of this machine", async () => {
  const report = await examine();
  const text = String((await shown({ ...report, problems: ['DVC is not installed.'] }))['text/plain']);
  assert.match(text, /^✗ 1 problem\n/);
  assert.ok(text.indexOf('DVC is not installed.') < text.indexOf('Node'));
  assert.match(text, new RegExp(`Node +${report.node.replaceAll('.', '\\.')}`));
  if (report.python !== null) assert.ok(!text.includes(report.python));
});

test("DVC's states are shown", { skip: hasDvc() ? false : 'needs DVC' }, async () => {
  assert.match(String((await shown(await verifyData(['synthetic'])))['text/plain']), /synthetic +[✓✗–]/);
  assert.match(String((await shown(await dvcDataStatus()))['text/plain']), /^DVC: tracked files/);
  const bundle = await dvcStatusView(await dvcStatus())[displaySymbol]();
  assert.match(String(bundle['text/plain']), /^DVC: /);
});

test('what has changed for DVC stands in one line each', () => {
  const { rows } = dvcStatusTable({
    'data.dvc': [{ 'changed outs': { 'data/a.bin': 'modified', 'data/b.bin': 'deleted' } }, 'always changed'],
  });
  assert.deepEqual(rows, [
    ['data.dvc', 'changed outs: data/a.bin', 'modified'],
    ['data.dvc', 'changed outs: data/b.bin', 'deleted'],
    ['data.dvc', '', 'always changed'],
  ]);
});

test('everything else is left to the notebook', () => {
  for (const value of [undefined, null, 1, 'text', [], {}, [1], { layers: 3 }, () => 1, new Map(), [null]]) {
    assert.equal(viewOf(value), undefined);
  }
});
