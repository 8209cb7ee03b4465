import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { repositoryRoot } from '../../src/data/location.js';
import { needsDvc } from '../dvc/dvc-repository.js';
import { errorOf, type KernelClient, needsJupyter, openKernel, patience } from './kernel-client.js';

suite('the library in cells', { skip: needsJupyter }, () => {
  let kernel: KernelClient;
  let folder: string;
  before(async () => {
    kernel = await openKernel();
    folder = mkdtempSync(join(tmpdir(), 'ciard-kernel-'));
  });
  after(async () => {
    await kernel.stop();
    rmSync(folder, { recursive: true });
  });

  /** What the cell's result, or what it displays last, is shown as. */
  const shown = async (code: string): Promise<Record<string, string>> => {
    const run = await kernel.run(code, { timeout: 120 });
    assert.equal(run.reply.status, 'ok', run.reply.traceback?.join('\n'));
    const last = run.outputs.filter(({ content }) => 'data' in content).at(-1);
    return last?.content['data'] as Record<string, string>;
  };

  const lookalike = "({ architecture: 'mine', width: 1, classes: 2, imageSize: 8, layers: [], parameters: 3 })";

  test('an object is shown as text while nothing of the library is loaded', async () => {
    assert.deepEqual(Object.keys(await shown(lookalike)), ['text/plain']);
  });

  test('a network shows its summary as a result, displayed and in an update, imported by path', async () => {
    const network = await shown(
      "import { createNetwork } from './src/models/network.js';\ncreateNetwork('resnet18', { width: 0.25 })",
    );
    assert.match(network['text/html']!, /<b>resnet18 × 0\.25: 10 classes[^]*<table>/);
    assert.match(network['text/plain']!, /^resnet18 × 0\.25: 10 classes/);
    const displayed = await shown(
      "import { display } from './src/kernel/display.js';\nconst place = display(createNetwork('preact-resnet18'));",
    );
    assert.match(displayed['text/html']!, /<table>/);
    const updated = await shown("place.update(createNetwork('mobilenetv2'));");
    assert.match(updated['text/plain']!, /^mobilenetv2: 10 classes/);
  });

  test('everything else stays text', async () => {
    assert.deepEqual(await shown('({ a: [1, 2] })'), { 'text/plain': '{ a: [ 1, 2 ] }' });
  });

  test('results, one or many', async () => {
    const folder = 'results/rates/records';
    const [file] = readdirSync(join(repositoryRoot(), folder));
    const record = `import { readCellRecord } from 'ciard';\nconst record = await readCellRecord('${folder}/${file!}');\n`;
    assert.match((await shown(`${record}record`))['text/html']!, /<table>[^]*training by/);
    assert.match((await shown('[record, record]'))['text/plain']!, /training by[^]*training by/);
  });

  test("the doctor's report", async () => {
    const report = await shown("import { examine } from './src/doctor/report.js';\nawait examine()");
    assert.match(report['text/html']!, /<table>[^]*TensorFlow/);
  });

  test('the proof of the data sets', { skip: needsDvc }, async () => {
    const proof = await shown("import { verifyData } from './src/dvc/verify.js';\nawait verifyData(['synthetic'])");
    assert.match(proof['text/html']!, /Data sets, proven by content/);
  });

  const training = (epochs: number): string =>
    [
      "import { findMethod, holdOut, loadDataset, resolveRecipe, takeBalanced, train } from 'ciard';",
      "const { train: images } = await loadDataset('synthetic');",
      'const held = holdOut(images, 64, 0);',
      'const run = await train({',
      "  method: findMethod('natural'),",
      `  recipe: resolveRecipe(findMethod('natural'), { epochs: ${epochs}, batchSize: 32, validation: { images: 64, every: 1 } }),`,
      "  student: createNetwork('cifar-resnet-8', { width: 0.5 }),",
      '  set: images,',
      '  train: takeBalanced(held.train, images, 320, 0),',
      '  validation: held.validation,',
      `  out: ${JSON.stringify(folder)} + '/run',`,
      "  onEpoch: ({ epoch }) => console.log('epoch', epoch),",
      '});',
      'run',
    ].join('\n');

  test('training is interrupted within two seconds, its state saved, and goes on from there to its curves', async () => {
    const code = training(60);
    const stopped = await kernel.run(code, { fromOutput: true, interruptAfter: [0], timeout: 120 });
    const error = errorOf(stopped);
    assert.equal(error?.ename, 'InterruptedError', stopped.reply.traceback?.join('\n'));
    const told = stopped.outputs.find(({ type }) => type === 'stream')!.at;
    assert.ok(stopped.idle - told < 2 * patience(), `ended ${stopped.idle - told} s after the interrupt`);
    assert.ok(existsSync(join(folder, 'run', 'last.safetensors')));

    const again = await kernel.run(code, { timeout: 240 });
    assert.equal(again.reply.status, 'ok', again.reply.traceback?.join('\n'));
    const epochs = again.outputs
      .filter(({ type }) => type === 'stream')
      .flatMap(({ content }) => (content['text'] as string).trim().split('\n'));
    assert.ok(epochs.length < 60 && epochs.at(-1) === 'epoch 60', epochs.join(', '));
    const bundle = again.outputs.at(-1)?.content['data'] as Record<string, string>;
    assert.deepEqual(Object.keys(bundle).sort(), ['application/vnd.plotly.v1+json', 'image/svg+xml', 'text/plain']);
    assert.match(bundle['image/svg+xml']!, /^<svg /);
  });

  test('an evaluation shows a table; several, by the names of their networks, one together', async () => {
    const code = [
      "import { evaluate, loadCheckpoint, loadPart, restoreNetwork } from 'ciard';",
      "const subject = restoreNetwork(await loadCheckpoint(run.bestFile), 'best');",
      "const set = await loadPart('synthetic', 'test');",
      "const student = await evaluate({ ...subject, set, indices: [0, 200, 400, 600], attacks: ['fgsm'] });",
      'student',
    ].join('\n');
    assert.match((await shown(code))['text/plain']!, /^Attack[^]*\nClean [^]*\nFGSM /);
    assert.match(
      (await shown('({ student, teacher: student })'))['text/plain']!,
      /^Network[^]*\nstudent [^]*\nteacher /,
    );
  });
});
