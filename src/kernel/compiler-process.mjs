import { spawn } from 'node:child_process';
import { lineReader } from './lines.mjs';
import process from 'node:process';

/**
 * @typedef {import('./compiler/main.js').CompilerOrder} CompilerOrder
 * @typedef {import('tslab/dist/converter.js').Diagnostic} Diagnostic
 * @typedef {{ readonly name?: string, readonly message?: string, readonly stack?: string, readonly diagnostics?: readonly Diagnostic[] }} Failure
 */

/** An order that the compiler could not carry out. */
export class CompilerFailure extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(failure.message ?? 'the cell does not compile');
    this.name = failure.name ?? 'CompilerFailure';
    this.diagnostics = failure.diagnostics;
    this.trace = failure.stack;
  }
}

/**
 * The compiler's process, as the front sees it: questions and answers. It is started when it is made, and anew after it
 * ended, whatever was the reason; what was asked then fails.
 * @param {{ root: string, folder: string, snapshots: { plain: string, library: string } | undefined }} options
 *   `snapshots`: the pictures of its memory that set-up took, without the library and with it
 */
export const createCompilerProcess = ({ root, folder, snapshots }) => {
  /** What was asked and is not answered yet. @type {Map<number, { text: string, resolve: (value: unknown) => void, reject: (error: Error) => void }>} */
  let waiting = new Map();
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  let last = 0;
  let isReady = false;
  let knowsLibrary = false;
  /** A picture that did not start is not tried again. */
  let usesSnapshot = snapshots !== undefined;
  let isOver = false;

  const start = () => {
    const fromSnapshot = usesSnapshot && snapshots ? (knowsLibrary ? snapshots.library : snapshots.plain) : undefined;
    const args =
      fromSnapshot === undefined
        ? ['--import', 'tsx', `${root}/src/kernel/compiler/main.ts`]
        : ['--snapshot-blob', fromSnapshot];
    const own = spawn(process.execPath, args, {
      cwd: root,
      // Settings of V8 that are meant for cells; with others than it was taken with a picture does not start.
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'ignore', 'inherit', 'pipe'],
    });
    child = own;
    isReady = false;
    const asked = waiting;
    /** @param {string} reason */
    const end = (reason) => {
      for (const { reject } of asked.values()) reject(new CompilerFailure({ name: 'CompilerEnded', message: reason }));
      asked.clear();
      if (child !== own || isOver) return;
      if (!isReady && fromSnapshot !== undefined) usesSnapshot = false;
      waiting = new Map();
      // Not at once for ever, where it can't be started at all.
      setTimeout(
        () => {
          if (child === own && !isOver) start();
        },
        isReady ? 0 : 500,
      );
    };
    own.once('error', (error) => {
      end(error.message);
    });
    own.once('exit', (code, signal) => {
      end(`the compiler ended (${signal ?? String(code)}); it is started again`);
    });
    const input = /** @type {import('node:stream').Writable} */ (own.stdin);
    input.on('error', () => undefined);
    const read = lineReader((line) => {
      /** @type {unknown} */
      const answer = JSON.parse(line);
      const { id, value, failure } = /** @type {{ id: number, value?: unknown, failure?: Failure }} */ (answer);
      const one = asked.get(id);
      asked.delete(id);
      if (failure) one?.reject(new CompilerFailure(failure));
      else one?.resolve(value);
    });
    /** @type {import('node:stream').Readable} */ (own.stdio[3]).on('data', read);
    ask({ do: 'start', folder }).then(
      () => {
        isReady = true;
      },
      () => undefined,
    );
    // What was asked while there was none.
    for (const [id, { text }] of asked) if (id < last) input.write(text);
  };

  /**
   * @param {object} order a CompilerOrder without its number
   * @returns {Promise<unknown>}
   * @throws {CompilerFailure}
   */
  const ask = (order) =>
    new Promise((resolve, reject) => {
      const id = (last += 1);
      const text = `${JSON.stringify({ id, ...order })}\n`;
      waiting.set(id, { text, resolve, reject });
      child?.stdin?.write(text);
    });

  /** Has it end and start anew. */
  const replace = () => {
    const old = child;
    const asked = waiting;
    waiting = new Map();
    start();
    old?.kill('SIGKILL');
    for (const { reject } of asked.values()) {
      reject(new CompilerFailure({ name: 'CompilerEnded', message: 'the compiler was ended; it is started again' }));
    }
    asked.clear();
  };

  start();
  return {
    ask,
    replace,
    isReady: () => isReady,
    isBusy: () => waiting.size > 0,
    /** Has it know the library, by starting anew from the picture with it, where there is one. */
    knowLibrary() {
      if (knowsLibrary || !usesSnapshot) return;
      knowsLibrary = true;
      // What was asked is answered first.
      const old = child;
      const asked = waiting;
      waiting = new Map();
      start();
      const rest = setInterval(() => {
        if (asked.size > 0) return;
        clearInterval(rest);
        old?.kill('SIGKILL');
      }, 50);
    },
    end() {
      isOver = true;
      child?.kill('SIGKILL');
    },
  };
};
