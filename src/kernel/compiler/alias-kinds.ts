import type * as TypeScript from '@tslab/typescript-for-tslab';
import type { CellCompiler } from './cell-compiler.js';

/** The expression before the dot at `position`, if the cell ends in one there or in a part of the member's name. */
const objectAt = (
  ts: typeof TypeScript,
  file: TypeScript.SourceFile,
  position: number,
): TypeScript.Expression | undefined => {
  let found: TypeScript.Expression | undefined;
  const visit = (node: TypeScript.Node): void => {
    if (node.end < position || node.pos > position) return;
    if (ts.isPropertyAccessExpression(node) && node.expression.end < position) found = node.expression;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
};

/**
 * What imported and re-exported names stand for, of which the compiler only says that they are aliases: 'function',
 * 'class', … by name, for the members of what stands before the dot at `position`, or for all names in scope.
 */
export const createAliasKinds =
  ({ typescript: ts, view }: CellCompiler) =>
  (position: number): ReadonlyMap<string, string> => {
    const { program, file, offset } = view();
    const checker = program.getTypeChecker();
    const object = objectAt(ts, file, position + offset);
    const symbols = object
      ? checker.getTypeAtLocation(object).getProperties()
      : checker.getSymbolsInScope(file, ts.SymbolFlags.Alias);
    /** By how it is written: to find out the types of a whole library takes seconds. */
    const isFunction = (declaration: TypeScript.Declaration | undefined): boolean => {
      if (!declaration || !ts.isVariableDeclaration(declaration)) return false;
      const { type, initializer } = declaration;
      if (type) return checker.getTypeFromTypeNode(type).getCallSignatures().length > 0;
      return initializer !== undefined && (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer));
    };
    const { Function, Variable, Class, Enum, Interface, TypeAlias, Module } = ts.SymbolFlags;
    const kindOf = (symbol: TypeScript.Symbol): string => {
      const target = (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
      const is = (flags: TypeScript.SymbolFlags): boolean => (target.flags & flags) !== 0;
      if (is(Class)) return 'class';
      if (is(Enum)) return 'enum';
      if (is(Variable)) return isFunction(target.valueDeclaration) ? 'function' : 'const';
      return is(Function)
        ? 'function'
        : is(Interface)
          ? 'interface'
          : is(TypeAlias)
            ? 'type'
            : is(Module)
              ? 'module'
              : '';
    };
    return new Map(symbols.map((symbol) => [symbol.name, kindOf(symbol)]));
  };
