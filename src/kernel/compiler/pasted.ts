import type * as TypeScript from '@tslab/typescript-for-tslab';

export interface PastedCell {
  readonly text: string;
  /** What the cell declares of modules that there are none of, by their names. */
  readonly modules: Readonly<Record<string, string>>;
}

/**
 * `source` as a cell can have it: code that was copied from a file. A shebang goes; declarations lose their `export`, for
 * later cells see them as they are; a default export without a name becomes an expression; `declare module` of a module
 * that there is none of is taken out, as it can't stand in a module, and so is `declare global`. Every other character stays where it was.
 */
export const asCell = (ts: typeof TypeScript, source: string, isModule: (name: string) => boolean): PastedCell => {
  let text = source.startsWith('#!') ? source.replace(/^[^\n]*/, (line) => ' '.repeat(line.length)) : source;
  if (!/\b(?:export|declare)\b/.test(text)) return { text, modules: {} };
  const file = ts.createSourceFile('cell.ts', text, ts.ScriptTarget.Latest, true);
  const modules: Record<string, string> = {};
  const blank = (start: number, end: number, last = ''): void => {
    const blanks = text.slice(start, end - last.length).replace(/[^\n]/g, ' ');
    text = text.slice(0, start) + blanks + last + text.slice(end);
  };
  /** `export default` before what has no name → `(`, `)` behind it: from the end, so that no position moves before it. */
  const bracket = (start: number, from: number, end: number): void => {
    const close = text[end - 1] === ';' ? end - 1 : end;
    text = `${text.slice(0, close)})${text.slice(close)}`;
    blank(start, from, '(');
  };
  for (const statement of [...file.statements].reverse()) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause: clause, moduleSpecifier } = statement;
      const isOwn = clause && ts.isNamedExports(clause) && !moduleSpecifier;
      if (isOwn && clause.elements.every(({ propertyName }) => !propertyName))
        blank(statement.getStart(), statement.end);
    } else if (ts.isExportAssignment(statement)) {
      if (!statement.isExportEquals) bracket(statement.getStart(), statement.expression.getStart(), statement.end);
    } else if (ts.isModuleDeclaration(statement) && (statement.flags & ts.NodeFlags.GlobalAugmentation) !== 0) {
      // In the file that is no module each of them stands for itself.
      const body = statement.body && ts.isModuleBlock(statement.body) ? statement.body.statements : [];
      for (const inner of body) {
        const declared = inner.getText().replace(/^(?:(?:export|declare)\s+)*/, 'declare ');
        const name = /^declare\s+(?:abstract\s+)?(\w+\s+[\w$]+)/.exec(declared)?.[1] ?? declared;
        modules[`global ${name}`] = declared;
      }
      blank(statement.getStart(), statement.end);
    } else if (ts.isModuleDeclaration(statement) && ts.isStringLiteral(statement.name)) {
      const name = statement.name.text;
      if (isModule(name)) continue;
      modules[name] = statement.getText();
      blank(statement.getStart(), statement.end);
    } else if (ts.canHaveModifiers(statement)) {
      const modifiers = (ts.getModifiers(statement) ?? []).filter(({ kind }) =>
        [ts.SyntaxKind.ExportKeyword, ts.SyntaxKind.DefaultKeyword].includes(kind),
      );
      const isNameless =
        (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name === undefined;
      const last = modifiers.at(-1);
      if (isNameless && last) {
        // To the space behind `default`, where the bracket goes.
        bracket(modifiers[0]!.getStart(), last.end, statement.end);
      } else {
        for (const modifier of modifiers) blank(modifier.getStart(), modifier.end);
      }
    }
  }
  return { text, modules };
};
