import { readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { startupSnapshot } from 'node:v8';
import { UserError } from '../../errors.js';
import { CellDiagnostics, type CellState, createCellCompiler } from './cell-compiler.js';
import { createLanguageServices } from './language.js';
import { readLibrary } from './read-library.js';

/**
 * The compiler's process. It reads orders from its standard input, a line of JSON each, and writes the answers to its
 * fourth stream; when the input ends, so does it. It does nothing between two orders, and what earlier cells declared comes
 * with each: it can be ended and replaced at any time.
 *
 * Set-up starts it once to take a picture of its memory when everything is loaded (src/setup/compiler-snapshot.mjs): from
 * that it starts in a fifth of the time. So nothing here may depend on anything but the working directory, which is the
 * repository's root, until the first order.
 */
export type CompilerOrder = { readonly id: number } & (
  | { readonly do: 'start'; readonly folder: string }
  | { readonly do: 'compile'; readonly state: CellState; readonly source: string; readonly name: string }
  | {
      readonly do: 'complete' | 'inspect';
      readonly state: CellState;
      readonly request: { readonly code: string; readonly cursor_pos: number };
    }
  | { readonly do: 'isComplete'; readonly request: { readonly code: string } }
);

const root = process.cwd();
const compiler = createCellCompiler({ root });
const language = createLanguageServices(compiler);

const answerTo = (order: CompilerOrder): unknown => {
  switch (order.do) {
    case 'start':
      compiler.setFolder(order.folder);
      return {};
    case 'compile':
      return compiler.compile(order.state, order.source, order.name);
    case 'complete':
      return language.complete(order.state, order.request);
    case 'inspect':
      return language.inspect(order.state, order.request);
    case 'isComplete':
      return language.isComplete(order.request);
  }
};

const failureOf = (error: unknown): object => {
  if (error instanceof CellDiagnostics) return { diagnostics: error.diagnostics };
  if (error instanceof UserError) return { name: error.name, message: error.message };
  if (error instanceof Error) return { name: error.name, message: error.message, stack: error.stack };
  return { name: 'Error', message: String(error) };
};

const send = (answer: object): void => {
  const bytes = Buffer.from(`${JSON.stringify(answer)}\n`);
  for (let sent = 0; sent < bytes.length;) sent += writeSync(3, bytes, sent);
};

const serve = (): void => {
  const chunk = Buffer.alloc(2 ** 16);
  let parts: Buffer[] = [];
  for (;;) {
    const read = readSync(0, chunk);
    if (read === 0) process.exit(0);
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0 && at < read; at = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, at)]).toString();
      parts = [];
      from = at + 1;
      const order = JSON.parse(line) as CompilerOrder;
      try {
        send({ id: order.id, value: answerTo(order) });
      } catch (error) {
        send({ id: order.id, failure: failureOf(error) });
      }
    }
    parts.push(Buffer.from(chunk.subarray(from, read)));
  }
};

if (startupSnapshot.isBuildingSnapshot()) {
  const first = { declarations: '', modules: {} };
  // With the library or without: what a compiler knows it also holds in memory, and many notebooks begin with neither.
  if (process.env['CIARD_SNAPSHOT_OF'] === 'library') {
    readLibrary({ compiler, entry: join(root, 'src', 'index.ts') });
    compiler.compile(first, "import * as ciard from 'ciard';\nciard.train;", 'ciard-cell-0');
  }
  compiler.compile(first, '1 + 1', 'ciard-cell-0');
  startupSnapshot.setDeserializeMainFunction(serve);
} else {
  serve();
}
