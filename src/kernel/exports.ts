import type * as TypeScript from '@tslab/typescript-for-tslab';

/**
 * `source` as a cell can have it: code that was copied from a module exports its declarations, which in a cell are seen by
 * later cells as they are. Every other character stays where it was.
 */
export const withoutExports = (ts: typeof TypeScript, source: string): string => {
  if (!/\bexport\b/.test(source)) return source;
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest, true);
  let text = source;
  const blank = (start: number, end: number): void => {
    text = text.slice(0, start) + text.slice(start, end).replace(/[^\n]/g, ' ') + text.slice(end);
  };
  for (const statement of file.statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause: clause, moduleSpecifier } = statement;
      const isOwn = clause && ts.isNamedExports(clause) && !moduleSpecifier;
      if (isOwn && clause.elements.every(({ propertyName }) => !propertyName))
        blank(statement.getStart(), statement.end);
    } else if (ts.isExportAssignment(statement)) {
      if (!statement.isExportEquals) blank(statement.getStart(), statement.expression.getStart());
    } else if (ts.canHaveModifiers(statement)) {
      for (const modifier of ts.getModifiers(statement) ?? []) {
        const isExport = [ts.SyntaxKind.ExportKeyword, ts.SyntaxKind.DefaultKeyword].includes(modifier.kind);
        if (isExport) blank(modifier.getStart(), modifier.end);
      }
    }
  }
  return text;
};
