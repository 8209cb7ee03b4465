import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { places, repositoryRoot } from '../../src/setup/places.mjs';
import { filesIn, importsOf, parse, resolveImport } from '../import-graph.mjs';
import { takesMinutes } from '../slow.js';
import { temporaryFolder } from '../temporary.js';

/** Tests of the catalogue that take a while: only what they say of the new method. */
const long = ['methods/gradients.test.ts', 'methods/training.test.ts'];
/** Not about what the catalogue holds: they take a method or two out of it, by name. */
const inverse = ['methods/distillation.test.ts', 'methods/oracle.test.ts'];

test(
  'a method added as the README says makes no test of the methods fail, and they test it',
  { skip: takesMinutes },
  async (t) => {
    const folder = temporaryFolder(t);
    for (const name of [
      'src',
      'test',
      'bin',
      'package.json',
      'tsconfig.json',
      'package-lock.json',
      'data.dvc',
      'results',
    ]) {
      cpSync(join(repositoryRoot, name), join(folder, name), { recursive: true });
    }
    symlinkSync(places.nodeModules, join(folder, 'node_modules'));
    symlinkSync(places.home, join(folder, '.ciard'));

    // An object in a file of its own, named in the catalogue.
    const methods = join(folder, 'src', 'methods');
    const shortest = readFileSync(join(methods, 'pgd-at.ts'), 'utf8');
    writeFileSync(
      join(methods, 'own.ts'),
      shortest
        .replace('const pgdAt', 'const own')
        .replace("name: 'pgd-at'", "name: 'own'")
        .replace("'PGD-AT'", "'Own method'"),
    );
    const catalogue = join(methods, 'catalogue.ts');
    const before = readFileSync(catalogue, 'utf8');
    const after = before
      .replace('import { pgdAt }', "import { own } from './own.js';\nimport { pgdAt }")
      .replace('  ciardCode,\n];', '  ciardCode,\n  own,\n];');
    assert.equal(
      after.split('own').length,
      before.split('own').length + 3,
      'the catalogue is not as this test knows it',
    );
    writeFileSync(catalogue, after);

    // Whoever reads the catalogue's list.
    const tests = filesIn(join(folder, 'test')).filter(
      (file) =>
        file.endsWith('.test.ts') &&
        importsOf(parse(file)).some(({ specifier }) => resolveImport(specifier, file) === catalogue),
    );
    const short = tests.filter((file) => ![...long, ...inverse].some((name) => file.endsWith(`/${name}`)));
    assert.ok(short.length >= 3, readdirSync(join(folder, 'test')).join(', '));
    const run = (files: readonly string[], ...flags: string[]) =>
      execa(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', ...flags, ...files], {
        cwd: folder,
        env: { NODE_TEST_CONTEXT: undefined },
        reject: false,
      });
    const whole = await run(short);
    assert.equal(whole.exitCode, 0, whole.stdout);
    const own = await run(
      long.map((name) => join(folder, 'test', name)),
      '--test-name-pattern=^own[,:]',
    );
    assert.equal(own.exitCode, 0, own.stdout);
    assert.match(own.stdout, /^ok \d+ - own, train: gradients of the loss/m);
    assert.match(own.stdout, /^ok \d+ - own, train: the loss on a batch falls/m);
  },
);
