import type * as TypeScript from '@tslab/typescript-for-tslab';

/** What a name means: one of both, both, or nothing at all. */
export interface Meanings {
  readonly value: boolean;
  readonly type: boolean;
}

export interface KeptOptions {
  /** What the cell declares of a name. */
  readonly redeclared: (name: string) => Meanings;
  /** What a name means that an earlier cell imported. */
  readonly imported: (name: string) => Meanings;
}

/**
 * What is left of the declarations of earlier cells after a cell that declares some of their names anew. tslab's own
 * version of it forgets namespaces, what is merged with them, and `declare global`.
 */
export const keptDeclarations = (
  ts: typeof TypeScript,
  previous: string,
  { redeclared, imported }: KeptOptions,
): string => {
  const file = ts.createSourceFile('previous.d.ts', previous, ts.ScriptTarget.Latest, true);
  const kept: string[] = [];
  const untyped = new Set<string>();
  const keep = (statement: TypeScript.Node): void => {
    kept.push(statement.getFullText().trim());
  };

  const keepImport = (statement: TypeScript.ImportDeclaration): void => {
    const clause = statement.importClause;
    if (!clause) return;
    const isKept = (name: string): boolean => {
      const now = redeclared(name);
      if (!now.value && !now.type) return true;
      const meant = imported(name);
      const isLost = (now.value && meant.value) || (now.type && meant.type);
      // A class whose name is a type's by now: the value is still there.
      if (isLost && !now.value && meant.value) untyped.add(name);
      return !isLost;
    };
    const own = clause.name && isKept(clause.name.text) ? clause.name.text : undefined;
    const bindings = clause.namedBindings;
    let others: string | undefined;
    if (bindings && ts.isNamespaceImport(bindings)) {
      if (isKept(bindings.name.text)) others = `* as ${bindings.name.text}`;
    } else if (bindings) {
      const names = bindings.elements.filter(({ name }) => isKept(name.text)).map((element) => element.getText());
      if (names.length > 0) others = `{ ${names.join(', ')} }`;
    }
    const names = [own, others].filter((part) => part !== undefined);
    if (names.length === 0) return;
    const type = clause.isTypeOnly ? 'type ' : '';
    kept.push(`import ${type}${names.join(', ')} from ${statement.moduleSpecifier.getText()};`);
  };

  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) {
      const { declarations, flags } = statement.declarationList;
      const left = declarations.filter(({ name }) => !redeclared(name.getText()).value);
      const keyword = (flags & ts.NodeFlags.Const) !== 0 ? 'const' : 'let';
      if (left.length === declarations.length) keep(statement);
      else if (left.length > 0) kept.push(`declare ${keyword} ${left.map((each) => each.getText()).join(', ')};`);
    } else if (ts.isImportDeclaration(statement)) {
      keepImport(statement);
    } else if (ts.isFunctionDeclaration(statement)) {
      if (!redeclared(statement.name?.text ?? '').value) keep(statement);
    } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      if (!redeclared(statement.name.text).type) keep(statement);
    } else if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
      const name = statement.name?.text ?? '';
      const now = redeclared(name);
      if (!now.value && !now.type) keep(statement);
      else if (!now.value) untyped.add(name);
    } else if (ts.isModuleDeclaration(statement)) {
      const isGlobal = (statement.flags & ts.NodeFlags.GlobalAugmentation) !== 0;
      if (isGlobal || ts.isStringLiteral(statement.name) || !redeclared(statement.name.text).value) keep(statement);
    }
  }
  const once = [...new Set(kept)];
  return [...once, ...[...untyped].map((name) => `declare let ${name}: any;`)].map((text) => `${text}\n`).join('');
};
