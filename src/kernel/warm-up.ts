import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CellCompiler } from './compiler.js';

export interface WarmUpOptions {
  readonly compiler: Pick<CellCompiler, 'know' | 'importsOf'>;
  /** Where to start: the library's index. */
  readonly entry: string;
  /** Whether nobody waits for the kernel. */
  readonly isIdle: () => boolean;
}

/** What is read at once, in bytes; together some 100 ms. */
const portion = 100_000;
const pause = 25;

/** Files by way of their imports, each after those that it imports. */
function* dependenciesFirst(file: string, importsOf: (file: string) => string[], seen: Set<string>): Generator<string> {
  if (seen.has(file)) return;
  seen.add(file);
  for (const imported of importsOf(file)) yield* dependenciesFirst(imported, importsOf, seen);
  yield file;
}

/**
 * Has the compiler read the library, so that the first cell that imports it is typed without a wait. It is done in small
 * portions while nobody waits, for a thread that reads can't run a cell.
 */
export const warmUp = async ({ compiler, entry, isIdle }: WarmUpOptions): Promise<void> => {
  let files: string[] = [];
  let size = 0;
  let began = performance.now();
  const idle = async (): Promise<void> => {
    do await sleep(pause);
    while (!isIdle());
    began = performance.now();
  };
  await idle();
  for (const file of dependenciesFirst(entry, compiler.importsOf, new Set())) {
    files.push(file);
    size += statSync(file).size;
    if (size >= portion) {
      compiler.know(files);
      files = [];
      size = 0;
    }
    if (performance.now() - began > pause) await idle();
  }
  compiler.know(files);
};
