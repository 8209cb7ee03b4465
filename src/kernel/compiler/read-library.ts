import { statSync } from 'node:fs';
import type { CellCompiler } from './cell-compiler.js';

export interface WarmUpOptions {
  readonly compiler: Pick<CellCompiler, 'know' | 'importsOf'>;
  /** Where to start: the library's index. */
  readonly entry: string;
}

/** Files by way of their imports, each after those that it imports. */
function* dependenciesFirst(file: string, importsOf: (file: string) => string[], seen: Set<string>): Generator<string> {
  if (seen.has(file)) return;
  seen.add(file);
  for (const imported of importsOf(file)) yield* dependenciesFirst(imported, importsOf, seen);
  yield file;
}

/** Has the compiler read the library, so that the first cell that imports it is typed without a wait. */
export const readLibrary = ({ compiler, entry }: WarmUpOptions): void => {
  compiler.know([...dependenciesFirst(entry, compiler.importsOf, new Set())].filter((file) => statSync(file).isFile()));
};
