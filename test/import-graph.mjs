// Who imports whom, read by TypeScript's own parser. The runner finds by it which tests an edit concerns; the test of the
// house finds by it whether every import goes down.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

/**
 * @param {string} folder
 * @returns {string[]} the files below it, by their paths
 */
export const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap((entry) => {
          const path = join(folder, entry.name);
          if (entry.isDirectory()) return entry.name.startsWith('.') ? [] : filesIn(path);
          return entry.isFile() ? [path] : [];
        })
    : [];

/** @param {string} file @param {string} [text] */
export const parse = (file, text = readFileSync(file, 'utf8')) =>
  ts.createSourceFile(
    file,
    text,
    ts.ScriptTarget.Latest,
    true,
    file.endsWith('.mjs') ? ts.ScriptKind.JS : file.endsWith('.tsx') ? ts.ScriptKind.TSX : ts.ScriptKind.TS,
  );

/** @param {ts.Node} node @param {(node: ts.Node) => void} visit */
const walk = (node, visit) => {
  visit(node);
  ts.forEachChild(node, (child) => {
    walk(child, visit);
  });
};

/**
 * The modules that a source imports: by `import`, `export … from`, `import()`, `import('…').Type` and `require`, types too.
 * @param {ts.SourceFile} source
 * @returns {{ specifier: string, line: number }[]}
 */
export const importsOf = (source) => {
  /** @type {{ specifier: string, line: number }[]} */
  const found = [];
  /** @param {ts.Node | undefined} node */
  const add = (node) => {
    if (!node || !ts.isStringLiteralLike(node)) return;
    found.push({ specifier: node.text, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  };
  walk(source, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node)) add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined);
    else if (
      ts.isCallExpression(node) &&
      (node.expression.kind === ts.SyntaxKind.ImportKeyword ||
        (ts.isIdentifier(node.expression) && node.expression.text === 'require'))
    ) {
      add(node.arguments[0]);
    }
  });
  // In JavaScript types are imported by comments.
  if (source.fileName.endsWith('.mjs')) {
    for (const match of source.text.matchAll(/import\('([^']+)'\)/g)) {
      found.push({ specifier: match[1] ?? '', line: source.text.slice(0, match.index).split('\n').length });
    }
  }
  return found;
};

/**
 * The file that a relative import means: './a.js' is a.ts here.
 * @param {string} specifier @param {string} from @returns {string | undefined} undefined for packages
 */
export const resolveImport = (specifier, from) => {
  if (!specifier.startsWith('.')) return undefined;
  const path = resolve(dirname(from), specifier);
  const candidates = [
    path.replace(/\.js$/, '.ts'),
    path.replace(/\.js$/, '.tsx'),
    path.replace(/\.mjs$/, '.mts'),
    path,
  ];
  return candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
};

/**
 * What a source itself declares and exports.
 * @param {ts.SourceFile} source
 * @returns {{ name: string, isType: boolean }[]}
 */
export const exportsOf = (source) =>
  source.statements.flatMap((statement) => {
    if (!ts.canHaveModifiers(statement)) return [];
    if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
    const isNamed = isType || ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
    const names = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map(({ name }) => name)
      : isNamed && statement.name
        ? [statement.name]
        : [];
    return names.flatMap((name) => (ts.isIdentifier(name) ? [{ name: name.text, isType }] : []));
  });

/**
 * What else a source names: files that it starts or reads, and code that it runs elsewhere.
 * @param {ts.SourceFile} source
 * @returns {string[]}
 */
const textsIn = (source) => {
  /** @type {string[]} */
  const texts = [];
  walk(source, (node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      texts.push(node.text);
    }
  });
  return texts;
};

/** Folders that whoever names them reads as a whole. */
const readWhole = ['notebooks', 'results', 'golden', 'oracle', 'torch'];

/**
 * The tests that a change of `changed` concerns: those that are changed, that import what is changed by whatever way, that
 * start it, read it, or name it in code that they run elsewhere; and the tests of a room whose file is changed.
 *
 * @param {string} root
 * @param {readonly string[]} changed paths relative to `root`
 * @returns {{ tests: string[], unknown: string[] }} `unknown`: changed files that no test knows of
 */
export const concernedTests = (root, changed) => {
  const sources = ['src', 'test', 'bench', 'bin'].flatMap((folder) => filesIn(join(root, folder)));
  const others = [
    ...filesIn(join(root, 'notebooks')),
    ...filesIn(join(root, 'results')),
    ...readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(root, entry.name)] : [])),
  ];
  const code = sources.filter((file) => /\.(tsx?|mjs)$/.test(file));
  /** @type {Map<string, string[]>} */
  const byName = new Map();
  for (const file of [...sources, ...others]) byName.set(basename(file), [...(byName.get(basename(file)) ?? []), file]);
  const library = join(root, 'src', 'index.ts');

  /** @type {Map<string, Set<string>>} who has to be looked at again when a file changes */
  const dependants = new Map();
  /** @param {string} file @param {string | undefined} on */
  const depend = (file, on) => {
    if (on === undefined || on === file) return;
    dependants.set(on, (dependants.get(on) ?? new Set()).add(file));
  };
  /** @param {string} file @param {string} text */
  const named = (file, text) => {
    if (/from 'ciard'|import\('ciard'\)/.test(text)) depend(file, library);
    for (const [, path] of text.matchAll(/(?:^|['"./\s])((?:src|test|bench|bin)\/[\w./-]+\.\w+)/g)) {
      depend(file, resolveImport(`./${String(path)}`, join(root, 'here')));
    }
    const name = text.split('/').at(-1) ?? '';
    const candidates = byName.get(name) ?? [];
    const nearest = candidates.filter((candidate) => candidate.endsWith(`/${text}`));
    // A name that many files have says nothing, 'index.ts' for one.
    if (name.includes('.'))
      depend(file, nearest.length === 1 ? nearest[0] : nearest.find((path) => path === join(root, text)));
    const whole = text.split('/').filter((part) => readWhole.includes(part));
    for (const member of whole.length > 0 ? [...sources, ...others] : []) {
      const parents = dirname(member).split('/');
      if (whole.every((part) => parents.includes(part))) depend(file, member);
    }
    if (name === 'src' && file.endsWith('.test.ts')) {
      for (const member of code) if (member.startsWith(join(root, 'src'))) depend(file, member);
    }
  };
  for (const file of code) {
    const source = parse(file);
    for (const { specifier } of importsOf(source)) {
      depend(file, specifier === 'ciard' ? library : resolveImport(specifier, file));
    }
    // The runner names tests to put them in order.
    if (basename(file) !== 'run.mjs') for (const text of textsIn(source)) named(file, text);
  }
  for (const file of filesIn(join(root, 'notebooks'))) named(file, readFileSync(file, 'utf8'));

  const tests = code.filter((file) => file.endsWith('.test.ts'));
  /** @param {string} start */
  const reached = (start) => {
    const seen = new Set([start]);
    for (const file of seen) for (const next of dependants.get(file) ?? []) seen.add(next);
    const [top, room] = relative(root, start).split('/');
    return tests.filter(
      (test) => seen.has(test) || (top === 'src' && relative(join(root, 'test'), test).split('/')[0] === room),
    );
  };
  const unknown = changed.filter((path) => reached(join(root, path)).length === 0);
  return { tests: [...new Set(changed.flatMap((path) => reached(join(root, path))))].sort(), unknown };
};
