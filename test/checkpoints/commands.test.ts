import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { runCommandLines } from '../cli/command-lines.js';

const program = fileURLToPath(new URL('../../bin/ciard.mjs', import.meta.url));
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/torch/${name}`, import.meta.url));
const source = fixture('cifar-resnet-8-a.th');
const net = ['--arch', 'cifar-resnet-8-a', '--classes', '4', '--width', '0.125'];

const { parameters } = JSON.parse(await readFile(fixture('cifar-resnet-8-a.json'), 'utf8')) as { parameters: number };

const folder = await mkdtemp(join(tmpdir(), 'ciard-'));
after(() => rm(folder, { recursive: true }));

const ciard = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program, ...args], {
    cwd: folder,
    reject: false,
  });
  return { exitCode, stdout, stderr };
};

test('import-torch and export-torch, each writing under its default name into the working folder', async () => {
  const imported = await ciard('import-torch', source, ...net, '--mean', '.5,.4,.3', '--std', '.2,.3,.25');
  assert.deepEqual(imported, {
    exitCode: 0,
    stdout: [
      `${source}: a file of torch.save, state dict under 'state_dict'`,
      `cifar-resnet-8-a, 4 classes, width 0.125: ${parameters.toLocaleString('en')} parameters, all 37 tensors found (7 counters of batches ignored)`,
      'normalisation: mean 0.5, 0.4, 0.3; std 0.2, 0.3, 0.25',
      'written: cifar-resnet-8-a.safetensors',
    ].join('\n'),
    stderr: '',
  });
  const exported = await ciard('export-torch', 'cifar-resnet-8-a.safetensors', '--json');
  assert.deepEqual([exported.exitCode, exported.stderr], [0, '']);
  assert.deepEqual(JSON.parse(exported.stdout), {
    architecture: 'cifar-resnet-8-a',
    classes: 4,
    tensors: 44,
    leftOut: [],
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.3, 0.25],
    out: 'cifar-resnet-8-a.torch.safetensors',
  });
  assert.deepEqual((await readdir(folder)).sort(), [
    'cifar-resnet-8-a.safetensors',
    'cifar-resnet-8-a.torch.safetensors',
  ]);
});

test('what does not fit: exit code 2, the lists as JSON, the message without a trace, no file', async () => {
  const { exitCode, stdout, stderr } = await ciard(
    'import-torch',
    source,
    '--arch',
    'cifar-resnet-8-a',
    '--width',
    '0.125',
    '--out',
    'x',
    '--json',
  );
  assert.equal(exitCode, 2);
  const record = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(
    [
      record['format'],
      record['key'],
      record['matched'],
      record['missing'],
      record['surplus'],
      record['misshaped'],
      record['out'],
    ],
    [
      'zip',
      'state_dict',
      35,
      [],
      [],
      [
        { name: 'linear.weight', expected: [10, 8], given: [4, 8] },
        { name: 'linear.bias', expected: [10], given: [4] },
      ],
      null,
    ],
  );
  assert.match(stderr, /^ciard: .* does not fit cifar-resnet-8-a with 10 classes/);
  assert.doesNotMatch(stderr, /^\s+at /m);
  assert.ok(!(await readdir(folder)).includes('x'));
});

const cases: [string, string[], RegExp][] = [
  ['a hostile file', [fixture('hostile-system.pt'), ...net], /"posix\.system"/],
  ['an absent file', ['absent.pt', ...net], /absent\.pt can't be read/],
  ['an unknown network', [source, '--arch', 'lenet'], /lenet/],
  ['no network', [source], /--arch/],
  ['half a normalisation', [source, ...net, '--mean', '0,0,0'], /--mean is given without --std/],
  ['a normalisation for 0 … 255', [source, ...net, '--mean', '125,123,114'], /divide values for 0 … 255 by 255/],
  ['a standard deviation of 0', [source, ...net, '--std', '0,1,1'], /above 0/],
  ['two channels', [source, ...net, '--mean', '.5,.5'], /three numbers/],
  ['a fraction of a class', [source, ...net, '--classes', '2.5'], /whole number/],
  [
    'a data set that there is not',
    [source, ...net, '--data', 'nosuch'],
    /no data set is called 'nosuch'; the names are/,
  ],
  ['a folder that is not there', [source, ...net, '--out', 'no/such/x'], /no\/such\/x can't be written/],
];
test('import-torch with what is wrong: exit code 2 and one message', async () => {
  const outcomes = await runCommandLines(
    cases.map(([, args]) => ['import-torch', ...args]),
    folder,
  );
  for (const [i, { exitCode, stdout, stderr }] of outcomes.entries()) {
    const [name, , message] = cases[i]!;
    assert.deepEqual([exitCode, stdout], [2, ''], name);
    assert.match(stderr, message, name);
    assert.doesNotMatch(stderr, /^\s+at /m, name);
  }
});
