import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { displaySymbol, type MimeBundle } from '../../src/display.js';
import { examine } from '../../src/doctor/report.js';
import { verifyData } from '../../src/dvc/verify.js';
import type { Evaluation } from '../../src/evaluation/evaluate.js';
import { outcomeOf } from '../../src/evaluation/outcome.js';
import { viewOf } from '../../src/views/view-of.js';
import { createNetwork } from '../../src/models/network.js';
import type { TrainingRun } from '../../src/training/train.js';
import { repositoryRoot } from '../../src/data/location.js';
import { readCellRecord } from '../../src/results/cell-record.js';
import { needsDvc } from '../dvc/dvc-repository.js';

const shown = async (value: unknown): Promise<MimeBundle> => {
  const view = viewOf(value);
  assert.ok(view, 'the value is not recognised');
  return view[displaySymbol]();
};

test('a network shows its summary', async () => {
  const bundle = await shown(createNetwork('mobilenetv2'));
  assert.match(String(bundle['text/plain']), /^mobilenetv2: 10 classes/);
});

test('records show their table, one as many', async () => {
  const folder = join(repositoryRoot(), 'results', 'students', 'records');
  const records = await Promise.all(readdirSync(folder).map((file) => readCellRecord(join(folder, file))));
  const evaluated = records.find(({ evaluation }) => evaluation)!;
  const trained = records.find(({ training }) => training)!;
  const { correct, total } = evaluated.evaluation!;
  const one = String((await shown(evaluated))['text/html']);
  assert.ok(one.includes(((100 * correct) / total).toFixed(2)) && one.includes(`${correct} of ${total}`));
  const both = String((await shown([evaluated, trained]))['text/plain']);
  assert.ok(
    both.includes(evaluated.name) && both.includes(`training by ${(trained.cell as { method: string }).method}`),
  );
});

const evaluation = (correct: number): Evaluation => ({
  attacks: Object.fromEntries(
    Object.entries({ clean: 200, 'pgd-sat': correct }).map(([name, right]) => [
      name,
      outcomeOf(
        Uint8Array.from({ length: 200 }, (_, i) => Number(i < right)),
        200,
        4,
      ),
    ]),
  ),
  wRobust: { 'pgd-sat': (200 + correct) / 400 },
  warnings: [],
});

test('an evaluation shows its accuracies by attack; several show a row a network', async () => {
  const { 'text/plain': one } = await shown(evaluation(100));
  assert.match(String(one), /^Attack +Accuracy \(%\) +W-Robust \(%\) +Images +Images a second\n/);
  assert.match(String(one), /\nPGD-20 \(sat\) +50\.00 \(43\.1–56\.9\) +75\.00 +200 +50\.0\n/);
  const { 'text/plain': several } = await shown({ student: evaluation(100), teacher: evaluation(50) });
  assert.match(String(several), /^Network[^]*\nstudent +100[^]*\nteacher +100/);
});

test('an evaluation shows the stages of a sequence of attacks', async () => {
  const { attacks, wRobust } = evaluation(100);
  const sequence = { ...attacks['pgd-sat']!, stages: { 'apgd-ce': attacks['clean']! } };
  const { 'text/plain': text } = await shown({ attacks: { autoattack: sequence }, wRobust, warnings: [] });
  assert.match(String(text), /\nAutoAttack +50\.00[^\n]+\nafter apgd-ce +100\.00/);
});

test('a training run shows its curves', async () => {
  const run: Omit<TrainingRun, 'identity'> = {
    history: [{ epoch: 1, learningRate: 0.1, terms: { loss: 1 }, validation: { clean: 0.5, robust: 0.25 } }],
    best: { epoch: 1, score: 0.375 },
    lastFile: 'last.safetensors',
    bestFile: 'best.safetensors',
    teacherFile: null,
    warnings: [],
    seconds: 1,
    processorSeconds: 2,
  };
  const bundle = await shown(run);
  assert.match(String(bundle['text/plain']), /chosen: epoch 1[^\n]*$/);
  assert.doesNotMatch(String(bundle['image/svg+xml']), /Warning/);
  const collapsed = await shown({ ...run, warnings: ['robust accuracy collapsed in epoch 1: under PGD 0.0 %', 'b'] });
  assert.match(String(collapsed['image/svg+xml']), />Warning: robust accuracy collapsed in epoch 1, and 1 more</);
  assert.match(String(collapsed['text/plain']), /\nWarning: robust [^\n]* under PGD 0\.0 %\nWarning: b$/);
});

test("the doctor's report shows what is wrong first, and no folder of this machine", async () => {
  const report = await examine();
  const text = String((await shown({ ...report, problems: ['DVC is not installed.'] }))['text/plain']);
  assert.match(text, /^✗ 1 problem\n/);
  assert.ok(text.indexOf('DVC is not installed.') < text.indexOf('Node'));
  assert.match(text, new RegExp(`Node +${report.node.replaceAll('.', '\\.')}`));
  if (report.python !== null) assert.ok(!text.includes(report.python));
});

test('the proof of the data sets is shown', { skip: needsDvc }, async () => {
  assert.match(String((await shown(await verifyData(['synthetic'])))['text/plain']), /synthetic +[✓✗–]/);
});

const plotly = 'application/vnd.plotly.v1+json';

test("plotly's data and layout are a figure, in a picture too", async () => {
  const layout = { title: 'Mine', xaxis: { title: 'Epoch' }, yaxis: { title: { text: 'Loss (nats)' } } };
  const bundle = await shown({ data: [{ x: [1, 2], y: [2, 1], name: 'loss' }], layout });
  assert.deepEqual(bundle['text/plain'], '[Mine: Loss (nats) by Epoch; loss]');
  assert.match(String(bundle['image/svg+xml']), />Mine<[^]*>Epoch</);
  assert.equal((bundle[plotly] as { data: unknown[] }).data.length, 1);
});

test('what only plotly draws is left to plotly', async () => {
  const bundle = await shown({ data: [{ type: 'pie', values: [1, 2] }], layout: {} });
  assert.deepEqual(Object.keys(bundle), [plotly, 'text/plain']);
});

test('everything else is left to the notebook', () => {
  for (const value of [
    undefined,
    null,
    1,
    'text',
    [],
    {},
    [1],
    { layers: 3 },
    () => 1,
    new Map(),
    [null],
    { data: 1, layout: {} },
  ]) {
    assert.equal(viewOf(value), undefined);
  }
  const computed = Object.create(Map.prototype, {
    dear: { enumerable: true, get: () => assert.fail('computed') },
  }) as object;
  assert.equal(viewOf(computed), undefined);
});
