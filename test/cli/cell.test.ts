import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { everythingIn, temporaryFolder } from '../temporary.js';
import { runCommandLines } from './command-lines.js';

test('places that cannot be written, and names that there are none of, are found before any work', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  const [list] = await runCommandLines([['cell', 'list', 'students', '--json']], folder);
  const [{ id }] = JSON.parse(list!.stdout) as [{ id: string }];
  const cases = [
    [['cell', 'run', id, '--runs', 'runs', '--results', join('file', 'x')], /file\/x can't be written: a file lies/],
    [['cell', 'run', id, '--runs', join('file', 'x'), '--results', 'results'], /file\/x can't be written: a file lies/],
    [['cell', 'run', '12'], /"12" is no id of a cell/],
    [['cell', 'show', 'ffffffffffff'], /there is no cell ffffffffffff in any table/],
    [['table', 'students', '--only', 'nosuch'], /the table students has no such row/],
    [['table', 'nosuch'], /there is no table "nosuch"/],
    [['table', 'recipes'], /the table recipes has no rows at the scale quick/],
    [['claims', '--data', 'cifar10'], /the scale quick is for synthetic, not for cifar10/],
  ] as const;
  const outcomes = await runCommandLines(
    cases.map(([args]) => args),
    folder,
  );
  for (const [i, { exitCode, stdout, stderr }] of outcomes.entries()) {
    const [args, message] = cases[i]!;
    assert.deepEqual([exitCode, stdout], [2, ''], `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  }
  assert.deepEqual(everythingIn(folder), ['file']);
});

test('what pilots try is found by its id too', async (t) => {
  const folder = temporaryFolder(t);
  const [list] = await runCommandLines([['cell', 'list', 'rates', '--json']], folder);
  const cells = JSON.parse(list!.stdout) as { id: string; name: string; kind: string }[];
  const { id, name } = cells.find(({ kind, name }) => kind === 'train' && name.includes('pgd-at-0.3'))!;
  const [shown] = await runCommandLines([['cell', 'show', id.slice(0, 12)]], folder);
  assert.equal(shown!.exitCode, 0, shown!.stderr);
  assert.ok(shown!.stdout.includes(name), shown!.stdout);
});
