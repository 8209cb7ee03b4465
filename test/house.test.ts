import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { ESLint } from 'eslint';
import { getFileInfo } from 'prettier';
import ts from 'typescript';
import { codeCells, parseNotebook } from '../src/notebook-runner/notebook.js';
import { repositoryRoot } from '../src/setup/places.mjs';
import { exportsOf, filesIn, importsOf, parse, resolveImport } from './import-graph.mjs';

const src = join(repositoryRoot, 'src');
const sources = filesIn(src).filter((file) => /\.(tsx?|mjs)$/.test(file));

/** The room of a file as README's table calls it: 'engine', '*.ts' for what lies beside the rooms, 'index.ts'. */
const roomOf = (file: string): string => {
  const parts = relative(src, file).split('/');
  if (parts[0] === '..') throw new Error(`${relative(repositoryRoot, file)} is no part of src`);
  return parts.length > 1 ? parts[0]! : parts[0] === 'index.ts' ? 'index.ts' : '*.ts';
};

/** README's rows of rooms, in their order, and what each says that it knows of. */
const table = [
  ...readFileSync(join(repositoryRoot, 'README.md'), 'utf8').matchAll(/^\| `src\/([^`]+)` +\|[^|]+\| ([^|]+?) +\|$/gm),
].map(([, room, knows]) => ({ room: room!, knows: knows! }));

/** Every room, and the rooms that it may import from: those that it names and those that they may. */
const allowed = new Map<string, Set<string>>();
for (const { room, knows } of table) {
  const before = [...allowed.keys()];
  const named = knows === 'nothing' ? [] : knows === 'everything' ? before : knows.split(', ');
  const beside = room === 'setup' ? [] : ['*.ts'];
  allowed.set(room, new Set([room, ...beside, ...named, ...named.flatMap((name) => [...(allowed.get(name) ?? [])])]));
}

test("README's table of rooms names every folder of src, and no other", () => {
  const folders = readdirSync(src, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
  assert.deepEqual(
    table
      .map(({ room }) => room)
      .filter((room) => !room.endsWith('.ts'))
      .sort(),
    folders.sort(),
  );
});

test('each room of the table knows of earlier rooms alone', () => {
  assert.ok(table.length > 10);
  table.forEach(({ room, knows }, i) => {
    if (['nothing', 'everything'].includes(knows)) return;
    const earlier = table.slice(0, i).map((row) => row.room);
    for (const name of knows.split(', '))
      assert.ok(earlier.includes(name), `${room} knows of ${name}, which is not above it`);
  });
});

test('every import goes to the same room or to one that the table allows', () => {
  const wrong: string[] = [];
  let count = 0;
  for (const file of sources) {
    const room = roomOf(file);
    for (const { specifier, line } of importsOf(parse(file))) {
      const target = resolveImport(specifier, file);
      if (specifier.startsWith('.') && target === undefined)
        wrong.push(`${relative(src, file)}:${line}: no ${specifier}`);
      if (target === undefined || target.endsWith('.json')) continue;
      count += 1;
      const to = roomOf(target);
      if (!allowed.get(room)?.has(to))
        wrong.push(`${relative(src, file)}:${line} (${room}) imports ${relative(src, target)} (${to})`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(count > 500, `only ${count} imports were read`);
});

test('an import in every form is read', () => {
  const text = `
    import a from './a.js'; import type { B } from './b.js'; export * from './c.js'; export type { D } from './d.js';
    const e = await import('./e.js'); type F = import('./f.js').F; import './g.js'; const h = require('./h.js');
    const no = "import('./no.js')"; // import './nor-this.js'`;
  assert.deepEqual(
    importsOf(parse('here.ts', text)).map(({ specifier }) => specifier[2]),
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
  );
});

test('notebooks import by its name what the library exports', () => {
  const exported = new Set<string>();
  ts.forEachChild(parse(join(src, 'index.ts')), (node) => {
    if (!ts.isExportDeclaration(node) || !node.exportClause) return;
    if (ts.isNamespaceExport(node.exportClause)) exported.add(node.exportClause.name.text);
    else for (const { name } of node.exportClause.elements) exported.add(name.text);
  });
  assert.ok(exported.has('train') && exported.has('tf') && exported.has('notebookProgress'));
  const deep: string[] = [];
  const notebooks = filesIn(join(repositoryRoot, 'notebooks')).filter((file) => file.endsWith('.ipynb'));
  for (const file of notebooks) {
    for (const cell of codeCells(parseNotebook(readFileSync(file, 'utf8'), file))) {
      ts.forEachChild(parse('cell.ts', [cell['source']].flat().join('')), (node) => {
        if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return;
        const from = node.moduleSpecifier.text;
        const bindings = node.importClause?.namedBindings;
        if (!from.startsWith('.') || !bindings || !ts.isNamedImports(bindings)) return;
        for (const { name, propertyName } of bindings.elements) {
          const imported = (propertyName ?? name).text;
          if (exported.has(imported)) deep.push(`${relative(repositoryRoot, file)}: ${imported} from ${from}`);
        }
      });
    }
  }
  assert.deepEqual(deep, []);
});

test("src is written in what the kernel's TypeScript reads", () => {
  const tslab = createRequire(createRequire(import.meta.url).resolve('tslab/package.json'));
  const old = tslab('@tslab/typescript-for-tslab') as typeof ts;
  assert.match(old.version, /^5\.0\./);
  const mistakes = sources
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const { diagnostics = [] } = old.transpileModule(readFileSync(file, 'utf8'), {
        fileName: file,
        reportDiagnostics: true,
        compilerOptions: { target: old.ScriptTarget.ESNext, module: old.ModuleKind.ESNext },
      });
      return diagnostics.map(
        ({ messageText, start = 0 }) =>
          `${relative(src, file)}, at ${start}: ${old.flattenDiagnosticMessageText(messageText, ' ')}`,
      );
    });
  assert.deepEqual(mistakes, []);
  const newer = old.transpileModule('using a = b();', { reportDiagnostics: true });
  assert.notDeepEqual(newer.diagnostics, [], 'newer syntax would be told');
});

test('what a file exports, another file uses; what src exports is used by src, and not by its tests alone', () => {
  const files = new Map(
    ['src', 'test', 'bench', 'bin']
      .flatMap((folder) => filesIn(join(repositoryRoot, folder)))
      .filter((file) => /\.(tsx?|mjs)$/.test(file))
      .map((file) => [file, parse(file)]),
  );
  const importers = new Map<string, string[]>();
  for (const [file, source] of files) {
    for (const { specifier } of importsOf(source)) {
      const target = resolveImport(specifier, file);
      if (target !== undefined && target !== file) importers.set(target, [...(importers.get(target) ?? []), file]);
    }
  }
  const count = (file: string, name: string): number =>
    [...files.get(file)!.text.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length;
  const unused: string[] = [];
  for (const [file, source] of files) {
    for (const { name, isType } of exportsOf(source)) {
      const users = (importers.get(file) ?? []).filter((user) => count(user, name) > 0);
      const inItself = count(file, name) > 1;
      // A type that a signature names may be exported for whoever calls it.
      const isUsed =
        users.length > 0
          ? inItself || !file.startsWith(src) || users.some((user) => user.startsWith(src))
          : isType && inItself;
      // The report's page is bundled with stand-ins, which imports do not show.
      if (!isUsed && file !== join(src, 'index.ts') && !file.startsWith(join(src, 'report')))
        unused.push(`${relative(repositoryRoot, file)}: ${name}`);
    }
  }
  assert.deepEqual(unused, []);
});

test('every source of ours is linted and its format checked, whatever its folder is called', async () => {
  const eslint = new ESLint({ cwd: repositoryRoot });
  const ignorePath = join(repositoryRoot, '.prettierignore');
  const escaped: string[] = [];
  for (const file of ['src', 'test', 'bench', 'bin'].flatMap((folder) => filesIn(join(repositoryRoot, folder)))) {
    if (!/\.(ts|mjs)$/.test(file)) continue;
    if (await eslint.isPathIgnored(file)) escaped.push(`${relative(repositoryRoot, file)}: not linted`);
    if ((await getFileInfo(file, { ignorePath })).ignored)
      escaped.push(`${relative(repositoryRoot, file)}: its format`);
  }
  assert.deepEqual(escaped, []);
  assert.ok(await eslint.isPathIgnored(join(repositoryRoot, 'data', 'some.ts')));
});
