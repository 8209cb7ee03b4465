import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { planText, type PlannedUnit } from '../../src/experiments/table.js';
import { temporaryFolder } from '../temporary.js';
import { runCommandLines } from './command-lines.js';

test('flags of a table that contradict each other, or would be ignored, are errors that say why', async () => {
  const refused = [
    [['students', '--from-checkpoints', '--dry-run'], /--from-checkpoints trains nothing: take one of them/],
    [['students', '--from-checkpoints', '--out', 'x'], /--from-checkpoints has a folder of its own/],
    [['students', '--out', 'x', '--on', 'slurm'], /--out means nothing with --on slurm/],
    [['students', '--dry-run', '--json', '--jobs', '2'], /--jobs changes how long a plan takes/],
    [['cost', '--from-checkpoints'], /the table cost tells of trainings, and --from-checkpoints trains nothing/],
    [['degradation', '--from-checkpoints'], /the table degradation tells of trainings/],
    [
      ['student-width', '--from-checkpoints', '--scale', 'lite'],
      /the table student-width stands beside those of the paper: DVC has no stages of it.* "npx ciard table student-width --scale lite --data cifar10" runs it/,
    ],
    [
      ['students', '--from-checkpoints', '--only', 'nothing'],
      /the table students has no such row\. It has natural, pgd-at/,
    ],
    [['students', '--from-checkpoints', '--jobs', '0'], /a whole number from 1 is wanted/],
  ] as const;
  const outcomes = await runCommandLines(
    refused.map(([args]) => ['table', ...args]),
    process.cwd(),
  );
  outcomes.forEach(({ exitCode, stderr }, i) => {
    const [args, message] = refused[i]!;
    assert.equal(exitCode, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
  });
});

test('reproduce has one scale and all replicates of it: other flags are errors', async () => {
  const refused = [
    [['quick', '--scale', 'paper'], /unknown option '--scale'/],
    [['quick', '--seed', '1'], /unknown option '--seed'/],
    [['quick', '--only', 'natural'], /unknown option '--only'/],
    [['small'], /Allowed choices are quick, lite, paper/],
    [['quick', '--dry-run', '--json', '--jobs', '2'], /--jobs changes how long a plan takes/],
  ] as const;
  const outcomes = await runCommandLines(
    refused.map(([args]) => ['reproduce', ...args]),
    process.cwd(),
  );
  outcomes.forEach(({ exitCode, stderr }, i) => {
    const [args, message] = refused[i]!;
    assert.equal(exitCode, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
  });
});

test('a stage of settings that are not there says how they are written', async () => {
  const [missing, unknown, beside] = await runCommandLines(
    [
      ['pipeline', 'train', '/nowhere/params.yaml', 'ciard-resnet18-s0'],
      ['pipeline', 'write', 'nothing'],
      ['pipeline', 'write', 'students', 'rates'],
    ],
    process.cwd(),
  );
  assert.equal(missing!.exitCode, 2);
  assert.match(missing!.stderr, /\/nowhere\/params\.yaml can't be read .*npx ciard pipeline write/);
  assert.match(beside!.stderr, /the table rates stands beside those of the paper/);
  assert.equal(unknown!.exitCode, 2);
  assert.match(unknown!.stderr, /there is no table "nothing"\. Known are students/);
});

test('what is trained and not measured in full is told from what is not begun', async () => {
  const lite = ['--scale', 'lite', '--data', 'cifar10', '--precision', 'bf16'];
  const [status, plan, nothing, cells] = await runCommandLines(
    [
      ['status', 'students', ...lite, '--json'],
      ['table', 'students', ...lite, '--dry-run', '--json'],
      ['status', 'recipes'],
      ['cell', 'list', 'recipes'],
    ],
    process.cwd(),
  );
  const { units } = JSON.parse(status!.stdout) as { units: { name: string; state: string; done: number }[] };
  assert.ok(units.some(({ state }) => state !== 'not begun'));
  for (const { name, state, done } of units) assert.equal(state === 'not begun', done === 0, name);
  const planned = JSON.parse(plan!.stdout) as PlannedUnit[];
  const text = planText(planned);
  const count = (pattern: RegExp): number => text.split('\n').filter((line) => pattern.test(line)).length;
  assert.equal(count(/^to do {4}/), planned.filter(({ trained }) => !trained).length);
  assert.equal(count(/^in part {2}/), planned.filter(({ trained, done }) => trained && !done).length);
  const [, trainings] = /^(\d+) of \d+ trainings to do/m.exec(text)!;
  assert.equal(Number(trainings), count(/^to do {4}/));
  for (const refused of [nothing!, cells!]) {
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /the table recipes has no rows at the scale quick/);
  }
});

test('npm start measures anew what has committed records, in a folder of its own', async () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
  const [, command = ''] = /bin\/ciard\.mjs (.*)$/.exec(scripts.start)!;
  assert.match(command, / --out runs\/start$/);
  const args = command.split(' ').slice(0, -2);
  const [anew, onRecord] = await runCommandLines(
    [
      [...args, '--out', temporaryFolder(), '--dry-run'],
      [...args, '--dry-run'],
    ],
    process.cwd(),
  );
  // Two teachers and three students on two architectures.
  assert.match(anew!.stdout, /^8 of 8 trainings to do/m);
  assert.match(onRecord!.stdout, /^0 of 8 trainings to do/m);
});

test('a precision is another setting for what reads records too, and an error where it has no meaning', async () => {
  const [claims, status, gather, write] = await runCommandLines(
    [
      ['claims', '--precision', 'bf16', '--json'],
      ['status', 'degradation', '--precision', 'bf16', '--json'],
      ['gather', '--precision', 'bf16'],
      ['claims', '--write', '--precision', 'bf16'],
    ],
    process.cwd(),
  );
  const verdicts = JSON.parse(claims!.stdout) as { verdict: string; command: string }[];
  assert.ok(verdicts.every(({ verdict, command }) => verdict === 'undecided' && command.endsWith(' --precision bf16')));
  const { units } = JSON.parse(status!.stdout) as { units: { name: string; state: string }[] };
  assert.ok(units.length > 0);
  assert.ok(units.every(({ name, state }) => name.startsWith('synthetic-quick-bf16/') && state === 'not begun'));
  assert.match(gather!.stderr, /nothing is measured yet/);
  assert.match(write!.stderr, /every scale, data set and precision: leave --precision out/);
  assert.deepEqual([gather!.exitCode, write!.exitCode], [2, 2]);
});
