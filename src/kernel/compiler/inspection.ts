import { readFileSync } from 'node:fs';
import type * as TypeScript from '@tslab/typescript-for-tslab';
import type { CellCompiler } from './cell-compiler.js';

type Typescript = typeof TypeScript;

/** What Shift-Tab shows. */
export interface Inspection {
  /** The declaration, as code. */
  readonly signature: string;
  /** Its comment, in Markdown. */
  readonly documentation: string;
}

/** Types longer than this are told by their name alone. */
const longest = 120;

/** The innermost node at `position`, which may be just behind it. */
const nodeAt = (ts: Typescript, file: TypeScript.SourceFile, position: number): TypeScript.Node => {
  let found: TypeScript.Node = file;
  const visit = (node: TypeScript.Node): void => {
    // Of two nodes that meet at the position the first is meant: the cursor stands behind what was typed.
    const isBehind = ts.isIdentifier(found) || node.kind === ts.SyntaxKind.EndOfFileToken;
    if (isBehind || node.getStart(file) > position || node.end < position) return;
    found = node;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
};

/**
 * What is meant at `position`: the name there, or, between the brackets of a call or of its options, the function that is
 * called.
 */
const subjectAt = (ts: Typescript, file: TypeScript.SourceFile, position: number): TypeScript.Node | undefined => {
  const node = nodeAt(ts, file, position);
  if (ts.isIdentifier(node)) return node;
  for (let at: TypeScript.Node = node; !ts.isSourceFile(at); at = at.parent) {
    if ((ts.isCallExpression(at) || ts.isNewExpression(at)) && position > at.expression.end) {
      const called = at.expression;
      return ts.isPropertyAccessExpression(called) ? called.name : called;
    }
    if (ts.isFunctionLike(at)) return undefined;
  }
  return undefined;
};

/** The doc comment of `declaration`, also where the compiler was given the file without (cell-compiler.ts). */
const commentOf = (declaration: TypeScript.Node): string => {
  const file = declaration.getSourceFile();
  const whole = variableStatementOf(declaration) ?? declaration;
  let text: string;
  try {
    text = readFileSync(file.fileName, 'utf8');
  } catch {
    // A cell, which is no file.
    text = file.text;
  }
  const before = text.slice(whole.pos, whole.getStart(file, false));
  return before.match(/\/\*\*[^]*?\*\//g)?.at(-1) ?? '';
};

/** A variable's comment stands before its whole statement. */
const variableStatementOf = (declaration: TypeScript.Node): TypeScript.Node | undefined => {
  const list = declaration.parent as TypeScript.Node | undefined;
  const statement = list?.parent;
  const isVariable = 'initializer' in declaration && list !== undefined && 'declarations' in list;
  return isVariable ? statement : undefined;
};

/** The text of a doc comment, its tags as a list. */
const markdownOf = (comment: string): string =>
  comment
    .replace(/^\/\*\*+|\*+\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .replace(/\{@link(?:code|plain)?\s+([^}|]+)(?:\|[^}]*)?\}/g, '`$1`')
    .replace(/^\s*@(\w+)\s*(?:\{[^}]*\})?\s*/gm, '\n- *$1* ')
    .trim();

export const createInspection = ({ typescript: ts, view }: CellCompiler) => {
  const documentationOf = (symbol: TypeScript.Symbol): string =>
    (symbol.declarations ?? [])
      .map(commentOf)
      .filter((comment) => comment !== '')
      .map(markdownOf)
      .join('\n\n');

  /** The options that a function takes, one a line, with what their comments say. */
  const optionsOf = (checker: TypeScript.TypeChecker, symbol: TypeScript.Symbol, at: TypeScript.Node): string[] => {
    const signatures = checker.getTypeOfSymbolAtLocation(symbol, at).getCallSignatures();
    const parameters = signatures[0]?.getParameters() ?? [];
    return parameters.flatMap((parameter) => {
      const type = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(parameter, at));
      const declared = type.symbol as TypeScript.Symbol | undefined;
      const isOurs = declared?.declarations?.some((node) => {
        const file = node.getSourceFile();
        return (
          !file.fileName.includes('/node_modules/') && (ts.isInterfaceDeclaration(node) || ts.isTypeLiteralNode(node))
        );
      });
      if (!isOurs) return [];
      const members = type.getProperties().map((property) => {
        const optional = (property.flags & ts.SymbolFlags.Optional) !== 0;
        const member = checker.getTypeOfSymbolAtLocation(property, at);
        const written = checker.typeToString(optional ? checker.getNonNullableType(member) : member);
        const comment = documentationOf(property).replace(/\s+/g, ' ');
        return `- \`${property.name}${optional ? '?' : ''}: ${written.length > longest ? '…' : written}\` ${comment}`.trim();
      });
      return members.length === 0 ? [] : ['', `**${checker.typeToString(type)}**`, '', ...members];
    });
  };

  /**
   * What is to be shown for a place in the cell that the compiler looked at last. `signatureAt` gives the declaration at
   * another place of it.
   */
  return (position: number, signatureAt: (position: number) => string): Inspection | undefined => {
    const { program, file, offset } = view();
    const typed = file.text.slice(0, position + offset).trimEnd().length;
    const subject = subjectAt(ts, file, typed);
    if (!subject) return undefined;
    const checker = program.getTypeChecker();
    const found = checker.getSymbolAtLocation(subject);
    if (!found) return undefined;
    const symbol = (found.flags & ts.SymbolFlags.Alias) === 0 ? found : checker.getAliasedSymbol(found);
    const signature = signatureAt(subject.getStart(file) - offset);
    const documentation = [documentationOf(symbol), ...optionsOf(checker, symbol, subject)].join('\n').trim();
    return { signature, documentation };
  };
};
