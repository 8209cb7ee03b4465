import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import type * as tf from '@tensorflow/tfjs-core';
import { attackEntries, type AttackSpec } from '../../src/attacks/catalogue.js';
import { saveCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { infoOfNetwork, stateDictOfWeights } from '../../src/checkpoints/network-checkpoint.js';
import '../../src/engine/backend.js';
import { measureOf } from '../../src/evaluation/accuracy.js';
import { unpackOutcome } from '../../src/evaluation/outcome-bits.js';
import { families } from '../../src/models/catalogue.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { repositoryRoot } from '../../src/setup/places.mjs';
import { keepWeights } from '../attacks/networks.js';
import { runCommandLines } from '../cli/command-lines.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const ciard = (...args: string[]) =>
  execa(process.execPath, [join(repositoryRoot, 'bin', 'ciard.mjs'), ...args], { cwd: folder, reject: false });

const save = async (file: string, classes: number, seed: number, dataset?: string): Promise<void> => {
  const network = createNetwork('cifar-resnet-8', { classes, width: 0.25 });
  const weights: Record<string, tf.Tensor> = keepWeights(network.initialise(createRng(seed)));
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
  );
  await saveCheckpoint(join(folder, file), { ...infoOfNetwork(network), dataset }, stateDictOfWeights(network, values));
};
await save('net.safetensors', 10, 1);
await save('other.safetensors', 10, 2);
await save('hundred.safetensors', 100, 3);
await save('stranger.safetensors', 10, 4, 'cifar10');
writeFileSync(join(folder, 'positions.txt'), Array.from({ length: 40 }, (_, i) => i * 25).join('\n'));
writeFileSync(join(folder, 'wrong.txt'), '1\n2\n100000\n');

const torchFile = join(repositoryRoot, 'test', 'fixtures', 'torch', 'cifar-resnet-8-a.th');

interface Outcome {
  correct: number;
  total: number;
  outcome: string;
  stages?: Record<string, Outcome>;
}

test('evaluate prints a table and writes what was found, with its provenance', async () => {
  const args = ['evaluate', '--model', 'net.safetensors', '--data', 'synthetic', '--indices', 'positions.txt'];
  const attacks = 'clean,fgsm,bb-cw,square-20,autoattack-custom:apgd-ce';
  const { exitCode, stdout, stderr } = await ciard(
    ...[...args, '--attacks', attacks, '--epsilon', '2/255', '--surrogate', 'other.safetensors'],
    ...['--batch', '16', '--seed', '4', '--out', 'found.json', '--state', 'state.json'],
  );
  assert.equal(exitCode, 0, stderr);
  const [heading, , ...rows] = stdout.split('\n');
  assert.match(heading!, /^attack +right +accuracy +95 % interval +W-Robust +images\/s$/);
  const names = attacks.split(',');
  assert.deepEqual(
    rows.map((row) => row.split(' ')[0]),
    names,
  );
  // Stages are told as they end.
  assert.match(stderr, /^autoattack-custom:apgd-ce apgd-ce: \d+ of 40 right/m);

  const text = readFileSync(join(folder, 'found.json'), 'utf8');
  assert.ok(!text.includes(folder), 'no path of this machine');
  const record = JSON.parse(text) as {
    model: { file: string; sha256: string; architecture: string };
    surrogate: { file: string };
    data: { name: string; part: string; md5: string };
    epsilon: number;
    seed: number;
    indices: number[];
    attacks: Record<string, Outcome>;
    wRobust: Record<string, number>;
    environment: { tensorflow: { device: string } };
    specifications: AttackSpec[];
  };
  assert.deepEqual([record.model.file, record.model.architecture], ['net.safetensors', 'cifar-resnet-8']);
  assert.match(record.model.sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual([record.data.name, record.data.part], ['synthetic', 'test']);
  assert.deepEqual([record.epsilon, record.seed, record.indices.length], [2 / 255, 4, 40]);
  assert.deepEqual(Object.keys(record.attacks), names);
  assert.deepEqual(Object.keys(record.wRobust), names.slice(1));
  const stage = record.attacks['autoattack-custom:apgd-ce']!.stages!['apgd-ce']!;
  for (const { correct, total, outcome } of [...Object.values(record.attacks), stage]) {
    assert.equal(total, 40);
    assert.equal(correct, measureOf(unpackOutcome(outcome, 40)).correct);
  }
  assert.deepEqual(stage.outcome, record.attacks['autoattack-custom:apgd-ce']!.outcome);
  assert.ok(record.environment.tensorflow.device === 'cpu' || record.environment.tensorflow.device === 'gpu');
  assert.deepEqual(
    record.specifications.map(({ name }) => name),
    names,
  );
  assert.equal(record.specifications[1]!.parameters['epsilon'], 2 / 255);
});

test('--json prints what --out writes, and nothing else; another data set than its own is warned of', async () => {
  const { exitCode, stdout, stderr } = await ciard(
    ...['evaluate', '--model', 'stranger.safetensors', '--data', 'synthetic', '--limit', '20', '--attacks', 'clean'],
    ...['--json', '--out', 'printed.json'],
  );
  assert.equal(exitCode, 0, stderr);
  const printed = JSON.parse(stdout) as { warnings: { attack: string | null; message: string }[]; format: number };
  assert.deepEqual(printed, JSON.parse(readFileSync(join(folder, 'printed.json'), 'utf8')));
  const message = 'stranger.safetensors was trained on cifar10, and this is synthetic: its accuracy here says little.';
  assert.deepEqual(printed.warnings, [{ attack: null, message }]);
  assert.ok(stderr.includes(`warning: ${message}`), stderr);
});

test('killed in the middle of AutoAttack, the same command goes on and ends as an uninterrupted one', async () => {
  const args = ['evaluate', '--model', 'net.safetensors', '--data', 'synthetic', '--limit', '60', '--epsilon', '1/255'];
  const sequence = 'autoattack-custom:apgd-ce+apgd-t';
  const command = (state: string, json: string): string[] => [
    ...[...args, '--attacks', sequence, '--batch', '32', '--state', state, '--out', json],
  ];
  const killed = ciard(...command('killed.json', 'resumed.json'));
  killed.stderr.on('data', (text: Buffer) => {
    if (text.toString().includes(`${sequence} apgd-ce: `)) killed.kill('SIGKILL');
  });
  assert.equal((await killed).signal, 'SIGKILL');
  const interrupted = ciard(...command('killed.json', 'resumed.json'));
  interrupted.stderr.once('data', () => interrupted.kill('SIGINT'));
  const { exitCode, stderr } = await interrupted;
  assert.equal(exitCode, 130, stderr);
  assert.match(stderr, /interrupted; the same command goes on from killed\.json/);

  const outcomes = await Promise.all(
    [
      ['killed.json', 'resumed.json'],
      ['whole.json', 'uninterrupted.json'],
    ].map(async ([state, json]) => {
      const ended = await ciard(...command(state!, json!));
      assert.equal(ended.exitCode, 0, ended.stderr);
      const record = JSON.parse(readFileSync(join(folder, json!), 'utf8')) as { attacks: Record<string, Outcome> };
      const { outcome, stages } = record.attacks[sequence]!;
      return [outcome, Object.values(stages!).map((stage) => stage.outcome)];
    }),
  );
  assert.deepEqual(outcomes[0], outcomes[1]);
});

test('what is wrong is one line and exit code 2, and no file is written', async () => {
  const base = ['--model', 'net.safetensors', '--data', 'synthetic', '--out', 'none.json'];
  const cases = [
    [[...base, '--attacks', 'magic'], /there is no attack "magic"/],
    [[...base, '--epsilon', '8/0'], /radius above 0 and below 1/],
    [[...base, '--epsilon', 'eight'], /radius above 0 and below 1/],
    [[...base, '--limit', '2000'], /2000 images are asked for/],
    [[...base, '--limit', '5', '--indices', 'positions.txt'], /--limit and --indices/],
    [[...base, '--indices', 'wrong.txt'], /wrong\.txt, line 3/],
    [[...base, '--indices', 'absent.txt'], /absent\.txt can't be read/],
    [[...base, '--attacks', 'bb-cw'], /--surrogate/],
    [[...base, '--attacks', 'fgsm', '--state', 'state.json'], /one sequence/],
    [['--model', 'absent.safetensors', '--data', 'synthetic'], /absent\.safetensors/],
    [['--model', torchFile, '--data', 'synthetic'], /is a PyTorch checkpoint\. Import it: npx ciard import-torch/],
    [['--model', '.', '--data', 'synthetic'], /ciard: \./],
    [['--model', 'hundred.safetensors', '--data', 'synthetic'], /100 classes, but synthetic has 10/],
    [['--model', 'net.safetensors', '--data', 'nowhere'], /nowhere/],
    [['--data', 'synthetic'], /--model/],
    [[...base, '--epsilon', '0'], /radius above 0 and below 1/],
    [[...base, '--limit', '0'], /whole number from 1/],
    [[...base, '--batch', '1.5'], /whole number from 1/],
    [[...base, '--attacks', ','], /names, with commas between them/],
    [[...base, '--attacks', 'square-0'], /there is no attack "square-0"/],
    [[...base, '--attacks', 'autoattack-custom:apgd-ce+magic'], /there is no stage "magic"/],
    [[...base, '--attacks', 'autoattack,autoattack-rand', '--state', 'state.json'], /2 are asked for/],
    [[...base, '--surrogate', 'hundred.safetensors', '--attacks', 'bb-cw'], /100 classes, but synthetic has 10/],
    // What would stand in the way after minutes of work is told before.
    [[...base.slice(0, 4), '--out', 'no/such/folder.json'], /no\/such\/folder\.json can't be written/],
    [[...base.slice(0, 4), '--out', '.'], /\. can't be written/],
    [[...base.slice(0, 4), '--out', '/dev/null'], /\/dev\/null can't be written/],
    [[...base.slice(0, 4), '--out', '/dev/stdout'], /\/dev\/stdout can't be written/],
    [[...base.slice(0, 4), '--out', 'net.safetensors'], /--out and --model are both net\.safetensors/],
    [[...base, '--attacks', 'autoattack', '--state', './none.json'], /--state and --out are both/],
    // A flag that would do nothing.
    [[...base, '--attacks', 'fgsm', '--surrogate', 'other.safetensors'], /none of fgsm is made on another network/],
    [[...base, '--attacks', 'clean', '--epsilon', '2/255'], /--epsilon is given, but no attack/],
    [[...base, '--attacks', 'clean', '--seed', '1'], /--seed is given, but no attack/],
    [[...base, '--attacks', 'autoattack', '--state', 'no/state.json'], /no\/state\.json can't be written/],
    [[...base, '--attacks', 'autoattack', '--state', 'positions.txt'], /is not the state of an attack/],
  ] as const;
  const outcomes = await runCommandLines(
    cases.map(([args]) => ['evaluate', ...args]),
    folder,
  );
  for (const [i, { exitCode, stdout, stderr }] of outcomes.entries()) {
    const [args, message] = cases[i]!;
    assert.equal(exitCode, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n +at /, 'no stack trace');
  }
  assert.throws(() => readFileSync(join(folder, 'none.json')), /ENOENT/);
});

test('attacks lists every attack that evaluate takes, with what it is', async () => {
  const [list, inTable, help] = await runCommandLines(
    [['attacks', '--json'], ['attacks'], ['evaluate', '--help']],
    folder,
  );
  assert.deepEqual([list!.exitCode, list!.stderr], [0, '']);
  const entries = JSON.parse(list!.stdout) as { names: string; title: string }[];
  assert.deepEqual(
    entries.map(({ names }) => names),
    attackEntries.map(({ names }) => names),
  );
  const { stdout: table } = inTable!;
  for (const { names, title } of entries) assert.ok(table.includes(names) && table.includes(title), names);
  assert.match(help!.stdout, /ciard attacks/);
});

test('models lists every family with an example and its parameters', async () => {
  const [list, table] = await runCommandLines([['models', '--json'], ['models']], folder);
  assert.deepEqual([list!.exitCode, list!.stderr], [0, '']);
  const entries = JSON.parse(list!.stdout) as { names: string; example: string; parameters: number }[];
  assert.deepEqual(
    entries.map(({ names }) => names),
    families.map(({ names }) => names),
  );
  for (const { example, parameters } of entries) assert.equal(parameters, createNetwork(example).parameters);
  for (const { names } of families) assert.ok(table!.stdout.includes(names));
});
