import type * as TypeScript from '@tslab/typescript-for-tslab';

/** What is changed in a cell's syntax tree on its way to JavaScript, before and after tslab's own changes. */

type Transformer = TypeScript.TransformerFactory<TypeScript.SourceFile>;

/**
 * tslab writes `exports.x` for a name `x` of an earlier cell. Two places need more than that.
 *
 * - `{ x }`, whose name it takes for the property's → `{ x: exports.x }`.
 * - `const { x: y } = z`, where `x` belongs to a type of an earlier cell → `const { 'x': y } = z`, or it would write
 *   `exports` where only a property's name can stand.
 */
export const earlierNames =
  (
    ts: typeof TypeScript,
    checker: TypeScript.TypeChecker,
    isEarlier: (symbol: TypeScript.Symbol) => boolean,
  ): Transformer =>
  (context) =>
  (file) => {
    const { factory } = context;
    const isOfEarlierType = (name: TypeScript.Node | undefined): name is TypeScript.Identifier => {
      const symbol = name && ts.isIdentifier(name) ? checker.getSymbolAtLocation(name) : undefined;
      return symbol !== undefined && isEarlier(symbol);
    };
    const visitExpression = (node: TypeScript.Expression): TypeScript.Expression =>
      ts.visitNode(node, visit) as TypeScript.Expression;
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      if (ts.isShorthandPropertyAssignment(node)) {
        const symbol = checker.getShorthandAssignmentValueSymbol(node);
        if (!symbol || !isEarlier(symbol)) return ts.visitEachChild(node, visit, context);
        const value = factory.createPropertyAccessExpression(factory.createIdentifier('exports'), node.name.text);
        // `({ x = 1 } = z)`
        const otherwise = node.objectAssignmentInitializer;
        return factory.createPropertyAssignment(
          factory.createStringLiteral(node.name.text),
          otherwise ? factory.createAssignment(value, visitExpression(otherwise)) : value,
        );
      }
      if (ts.isBindingElement(node) && isOfEarlierType(node.propertyName)) {
        return factory.updateBindingElement(
          node,
          node.dotDotDotToken,
          factory.createStringLiteral(node.propertyName.text),
          ts.visitNode(node.name, visit) as TypeScript.BindingName,
          node.initializer && visitExpression(node.initializer),
        );
      }
      if (ts.isPropertyAssignment(node) && isOfEarlierType(node.name)) {
        return factory.updatePropertyAssignment(
          node,
          factory.createStringLiteral(node.name.text),
          visitExpression(node.initializer),
        );
      }
      return ts.visitEachChild(node, visit, context);
    };
    return ts.visitEachChild(file, visit, context);
  };

/**
 * `let x` at the top → `export let x`, without the `export { x }` that tslab appends: the compiler then keeps `x` in
 * `exports` alone. So a function of this cell sees what later cells assign to `x`, and they see what it assigns. (Not
 * for patterns: the compiler would take an array's apart by index, whatever is iterated over.)
 */
export const sharedVariables =
  (ts: typeof TypeScript, checker: TypeScript.TypeChecker): Transformer =>
  (context) =>
  (file) => {
    const { factory } = context;
    const shared = new Set<string>();
    // The compiler leaves out the types in a list of exports, but not in one that was changed here.
    const isValue = (specifier: TypeScript.ExportSpecifier): boolean => {
      const symbol = checker.getExportSpecifierLocalTargetSymbol(specifier);
      return symbol === undefined || (symbol.flags & (ts.SymbolFlags.Value | ts.SymbolFlags.Alias)) !== 0;
    };
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      if (ts.isVariableStatement(node) && !node.modifiers) {
        const { flags, declarations } = node.declarationList;
        const names = declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
        if ((flags & ts.NodeFlags.Const) !== 0 || names.length < declarations.length) return node;
        for (const name of names) shared.add(name);
        const modifiers = [factory.createModifier(ts.SyntaxKind.ExportKeyword)];
        return factory.updateVariableStatement(node, modifiers, node.declarationList);
      }
      if (
        shared.size > 0 &&
        ts.isExportDeclaration(node) &&
        node.exportClause &&
        ts.isNamedExports(node.exportClause)
      ) {
        const others = node.exportClause.elements.filter((specifier) => {
          const isShared = !specifier.propertyName && shared.has(specifier.name.text);
          return !isShared && isValue(specifier);
        });
        const clause = factory.updateNamedExports(node.exportClause, others);
        const { modifiers, isTypeOnly, moduleSpecifier, assertClause } = node;
        return factory.updateExportDeclaration(node, modifiers, isTypeOnly, clause, moduleSpecifier, assertClause);
      }
      return node;
    };
    return ts.visitEachChild(file, visit, context);
  };

/** What tslab gives its cells as a global, and what we add to it: loading an ES module, and `import.meta`. */
export const cellGlobal = '__tslab__';

/**
 * `import(x)` → `__tslab__.import(x)`, `import.meta` → `__tslab__.meta`: a function's body has neither. Tells of a
 * `for await` that is in no function; tslab sees to `await` itself.
 */
export const ownImports =
  (ts: typeof TypeScript, foundAwait: () => void): Transformer =>
  (context) =>
  (file) => {
    const member = (name: string) =>
      context.factory.createPropertyAccessExpression(context.factory.createIdentifier(cellGlobal), name);
    let functions = 0;
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      if (ts.isForOfStatement(node) && node.awaitModifier && functions === 0) foundAwait();
      if (ts.isFunctionLike(node)) {
        functions += 1;
        const inner = ts.visitEachChild(node, visit, context);
        functions -= 1;
        return inner;
      }
      if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        return context.factory.createCallExpression(
          member('import'),
          undefined,
          node.arguments.map((argument) => ts.visitNode(argument, visit) as TypeScript.Expression),
        );
      }
      if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return member('meta');
      return ts.visitEachChild(node, visit, context);
    };
    return ts.visitEachChild(file, visit, context);
  };

/** `require("x")`, where it stands for an import or a re-export, → `(await __tslab__.import("x"))`. */
export const awaitedImports =
  (ts: typeof TypeScript, found: () => void): Transformer =>
  (context) =>
  (file) => {
    const { factory } = context;
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'require') {
        found();
        const load = factory.createPropertyAccessExpression(factory.createIdentifier(cellGlobal), 'import');
        return factory.createAwaitExpression(factory.createCallExpression(load, undefined, node.arguments));
      }
      return ts.visitEachChild(node, visit, context);
    };
    return ts.visitEachChild(
      file,
      (statement) => {
        const original = ts.getOriginalNode(statement);
        const stands = ts.isImportDeclaration(original) || ts.isExportDeclaration(original);
        return stands ? ts.visitNode(statement, visit) : statement;
      },
      context,
    );
  };
