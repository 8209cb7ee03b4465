import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repositoryRoot } from '../src/setup/places.mjs';
import { concernedTests } from './import-graph.mjs';

/** Without this file, which names what it asks about. */
const concerned = (...changed: string[]): string[] =>
  concernedTests(repositoryRoot, changed)
    .tests.map((file) => file.slice(`${repositoryRoot}/test/`.length))
    .filter((name) => name !== 'import-graph.test.ts');

test('an edit concerns the tests that import the file by whatever way, and those of its room', () => {
  const ofColour = concerned('src/figures/colour.ts');
  for (const name of ['figures/theme.test.ts', 'figures/label-positions.test.ts', 'views/view-of.test.ts']) {
    assert.ok(ofColour.includes(name), name);
  }
  assert.ok(!ofColour.includes('checkpoints/pickle.test.ts'));
  assert.deepEqual(concerned('test/figures/theme.test.ts'), ['figures/theme.test.ts']);
});

test('an edit of a command concerns the tests that start the command line', () => {
  const tests = concerned('src/cli/methods.ts');
  assert.ok(tests.includes('cli/methods.test.ts') && tests.includes('evaluation/command.test.ts'));
  assert.ok(!tests.includes('figures/theme.test.ts'));
});

test('an edit of what is read and not imported concerns its readers', () => {
  assert.ok(concerned('test/figures/golden/clean-robust.svg').includes('figures/clean-robust.test.ts'));
  assert.ok(concerned('test/fixtures/oracle/losses.json').includes('methods/oracle.test.ts'));
  assert.ok(concerned('notebooks/00-quickstart.ipynb').includes('notebook-runner/committed.test.ts'));
  assert.ok(concerned('README.md').includes('house.test.ts'));
  assert.ok(concerned('src/index.ts').includes('kernel/library.test.ts'), 'code in cells imports it');
});

test('a file that no test knows of is told', () => {
  const name = ['CITATION', 'cff'].join('.');
  assert.deepEqual(concernedTests(repositoryRoot, [name]), { tests: [], unknown: [name] });
});
