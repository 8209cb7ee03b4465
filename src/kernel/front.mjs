import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { CompilerFailure, createCompilerProcess } from './compiler-process.mjs';
import { createHistory } from './history.mjs';
import { createOutput } from './output.mjs';
import { cellOf, diagnosticReport, frameName, positionBy, reportOf, withReadableTraces } from './reports.mjs';
import { startSessionProcess } from './session-process.mjs';
import { openSockets } from './sockets.mjs';

/**
 * The front of the kernel: what a Jupyter server knows of it. It speaks the protocol, keeps the queue, the history and what
 * earlier cells declared, and runs nothing itself: cells are compiled by one process (compiler-process.mjs) and run in
 * another (session-process.mjs), both of which it ends and replaces where that is needed. So it answers at any time.
 *
 * @typedef {import('./messages.mjs').Message} Message
 * @typedef {import('./messages.mjs').Content} Content
 * @typedef {import('./sockets.mjs').Reply} Reply
 * @typedef {import('./reports.mjs').ErrorReport} ErrorReport
 * @typedef {import('./reports.mjs').RunCell} RunCell
 * @typedef {import('./compiler/cell-compiler.js').CellState} CellState
 * @typedef {import('./compiler/cell-compiler.js').CompiledCell} CompiledCell
 * @typedef {import('./session-process.mjs').SessionEnd} SessionEnd
 * @typedef {import('./session-process.mjs').SessionProcess} SessionProcess
 * @typedef {import('./output.mjs').Output} Output
 * @typedef {{ readonly request: Message, readonly silent: boolean, readonly output: Output }} Owner whose outputs are seen where
 * @typedef {{ readonly status: 'ok', readonly data?: Record<string, unknown> } | { readonly status: 'error', readonly report: ErrorReport }} CellEnd
 *   How a cell ended, and its result as it is shown: nothing where it has none.
 * @typedef {{
 *   readonly serial: number,
 *   readonly source: string,
 *   phase: 'compiling' | 'running',
 *   end: (end: CellEnd | undefined) => void,
 *   listens: boolean,
 *   spinning: boolean,
 *   interruptedAt: number | undefined,
 *   lastInterrupt: number,
 * }} Run what the kernel is about to do; `end` of undefined: its session is lost
 */

/** Stack traces can lead back into this many cells, and outputs find their place. */
const rememberedCells = 1000;
/** After an interrupt, in milliseconds: when a cell that did not end by itself is ended with its session. */
const soft = 1600;
/** The same for one in JavaScript that can still be stopped, on a machine that is busy, and one that saves its state. */
const softWhileSpinning = 5000;
const softWhileSaving = 15_000;
/** Interrupts that follow one another within so many milliseconds are one. */
const oneAndTheSame = 1000;
/** What a compiler gets to finish with a cell that was interrupted, and a question to wait for one that is loading. */
const longestCompilation = 5000;
const longestLoading = 1500;
/** What a session gets to end by itself at a shutdown. */
const longestFarewell = 300;

const lost = 'everything that cells have declared is lost, and the next cell runs in a new session';

/** How a session ended. @param {SessionEnd} end */
const causeOf = ({ code, signal, why, said }) => {
  if (why !== undefined) return why;
  if (/heap out of memory|invalid table size|Array buffer allocation failed/i.test(said) && signal !== null)
    return `its memory ran out (the JavaScript heap is full: ${signal})`;
  if (signal === 'SIGABRT') return 'it was aborted (SIGABRT), by process.abort() or by native code';
  if (signal === 'SIGKILL') return 'it was killed (SIGKILL), as the system does where memory runs out';
  if (signal !== null) return `it crashed in native code or was ended by a signal (${signal})`;
  if (code === 86) return 'a cell closed the streams that lead to the kernel';
  return `it ended with exit code ${String(code)}, as process.exit(${String(code)}) does`;
};

/** Whether a cell, or what is typed of one, may need to know the library. @param {string} code */
const mentionsLibrary = (code) => /['"](?:ciard['"]|\.{1,2}\/)/.test(code);

/** Whether a cell imports the library, or else says so in a text. @param {string} code */
const importsLibrary = (code) => /^\s*import\b[^'"]*['"]ciard['"]/m.test(code);

/** @param {string} ename @param {string} evalue @returns {ErrorReport} */
const plainReport = (ename, evalue) => ({
  ename,
  evalue,
  traceback: [`\u001b[31m${ename}\u001b[39m: ${evalue}`],
});

/**
 * @param {{
 *   connectionFile: string,
 *   root: string,
 *   folder: string,
 *   snapshots: { plain: string, library: string } | undefined,
 * }} options what Jupyter wrote for us; the repository's root, the working directory of cells; the notebook's folder
 */
export const startFront = async ({ connectionFile, root, folder, snapshots }) => {
  /** @type {unknown} */
  const read = JSON.parse(readFileSync(connectionFile, 'utf8'));
  const connection = /** @type {import('./sockets.mjs').Connection} */ (read);
  /** @param {unknown} error */
  const complain = (error) => {
    process.stderr.write(`ciard kernel: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  };
  process.on('uncaughtException', complain);

  const compiler = createCompilerProcess({ root, folder, snapshots });
  /** @type {CellState} */
  const nothing = { declarations: '', modules: {} };
  let state = nothing;

  /** @type {Map<number, RunCell>} */
  const cells = new Map();
  /** @type {Map<number, Owner>} */
  const owners = new Map();
  const places = { cells, root };
  let serial = 0;
  let count = 0;
  const history = createHistory();
  /** The cell that runs, or ran last, and the last one that is to be seen. @type {Owner | undefined} */
  let current;
  /** @type {Owner | undefined} */
  let shown;
  /** @type {Run | undefined} */
  let running;
  let isOver = false;

  /** @param {number | undefined} cell */
  const outputOf = (cell) => {
    const owner = (cell === undefined ? undefined : owners.get(cell)) ?? current ?? shown;
    return owner?.silent ? undefined : owner?.output;
  };
  /** @param {string} text */
  const readable = (text) => withReadableTraces(text, places);
  /** @param {Record<string, unknown>} data */
  const readableBundle = (data) => {
    const text = data['text/plain'];
    return typeof text === 'string' ? { ...data, 'text/plain': readable(text) } : data;
  };

  /** @type {SessionProcess | undefined} */
  let session;
  let isSessionReady = false;

  /** @param {SessionEnd} end */
  const onSessionEnd = (end) => {
    if (isOver) return;
    const cause = causeOf(end);
    state = nothing;
    session = undefined;
    if (running?.phase === 'running') {
      const interrupted = end.why !== undefined && running.interruptedAt !== undefined;
      running.end({
        status: 'error',
        report: interrupted
          ? plainReport('InterruptedError', `${cause}; ${lost}`)
          : plainReport('SessionEnded', `the cell's session is over: ${cause}; ${lost}`),
      });
    } else {
      const output = outputOf(undefined);
      output?.write('stderr', `The session is over: ${cause}; ${lost}.\n`);
      output?.flush();
    }
    // One that can't even be started is tried again by the next cell.
    if (isSessionReady) startSession();
  };

  const startSession = () => {
    isSessionReady = false;
    session = startSessionProcess({
      root,
      folder,
      onEnd: onSessionEnd,
      onRaw: (name, text) => {
        outputOf(undefined)?.write(name, text);
      },
      onWatcher: ({ spinning }) => {
        if (running) running.spinning = spinning;
      },
      onWord: (word) => {
        switch (word.say) {
          case 'ready':
            isSessionReady = true;
            break;
          case 'text':
            outputOf(word.cell)?.write(word.to, word.text);
            break;
          case 'show': {
            const { id, update, data, metadata } = word;
            const transient = id === undefined ? {} : { display_id: id };
            outputOf(word.cell)?.show({ data: readableBundle(data), metadata, transient }, id, update);
            break;
          }
          case 'clear':
            outputOf(word.cell)?.clear(word.wait);
            break;
          case 'listens':
            if (running?.serial === word.cell) running.listens = true;
            break;
          case 'uncaught': {
            const output = outputOf(cellOf(word.error));
            output?.write('stderr', `Not caught by any cell:\n${reportOf(word.error, places).traceback.join('\n')}\n`);
            break;
          }
          case 'end':
            if (running?.serial !== word.cell) break;
            running.end(
              word.error
                ? { status: 'error', report: reportOf(word.error, places) }
                : { status: 'ok', ...(word.data ? { data: word.data } : {}) },
            );
        }
      },
    });
  };
  startSession();

  /** Asks the session's cell to end, and sees to it that it does. @param {Run} run */
  const interruptRun = (run) => {
    const now = performance.now();
    const isAnother = now - run.lastInterrupt > oneAndTheSame;
    run.lastInterrupt = now;
    session?.order({ do: 'interrupt' });
    const end = (/** @type {string} */ why) => {
      if (running === run) session?.kill(why);
    };
    if (run.interruptedAt !== undefined) {
      if (isAnother && run.listens && now - run.interruptedAt > soft) end('interrupted, before its state was saved');
      return;
    }
    run.interruptedAt = now;
    const check = () => {
      if (running !== run) return;
      const since = performance.now() - now;
      if (run.listens && since < softWhileSaving) {
        if (since < 2 * soft)
          outputOf(run.serial)?.write(
            'stderr',
            'Interrupted: the cell is saving its state; interrupt it again to end it at once.\n',
          );
        setTimeout(check, softWhileSaving - since);
      } else if (run.spinning && since < softWhileSpinning) {
        setTimeout(check, 250);
      } else {
        end('interrupted; the cell did not let go of its process, which was ended');
      }
    };
    setTimeout(check, soft);
  };

  const interrupt = () => {
    const run = running;
    if (!run) return;
    if (run.phase === 'running') {
      interruptRun(run);
      return;
    }
    run.end({
      status: 'error',
      report: plainReport('InterruptedError', 'interrupted while the cell was compiled; nothing of it ran'),
    });
    setTimeout(() => {
      if (compiler.isBusy()) compiler.replace();
    }, longestCompilation);
  };

  /**
   * The cell as it can be run; or how it ended.
   * @param {{ serial: number, source: string, label: string }} cell
   * @returns {Promise<{ compiled: CompiledCell } | { end: CellEnd }>}
   */
  const compile = async ({ serial: number, source, label }) => {
    if (mentionsLibrary(source)) compiler.knowLibrary();
    if (importsLibrary(source)) session?.order({ do: 'preload' });
    for (let again = true; ; again = false) {
      try {
        const order = { do: 'compile', state, source, name: frameName(number) };
        return { compiled: /** @type {CompiledCell} */ (await compiler.ask(order)) };
      } catch (error) {
        if (!(error instanceof CompilerFailure)) throw error;
        if (error.diagnostics)
          return { end: { status: 'error', report: diagnosticReport({ label, source }, error.diagnostics) } };
        if (error.name !== 'CompilerEnded' || !again) {
          if (error.name !== 'UserError') complain(error.trace ?? error.message);
          return { end: { status: 'error', report: plainReport(error.name, error.message) } };
        }
      }
    }
  };

  /**
   * Compiles and runs a cell.
   * @param {string} source
   * @param {Owner} owner
   * @returns {Promise<CellEnd>}
   */
  const run = async (source, owner) => {
    const number = (serial += 1);
    const label = String(count);
    owners.set(number, owner);
    owners.delete(number - rememberedCells);
    /** @type {(end: CellEnd | undefined) => void} */
    let finish = () => undefined;
    const ended = new Promise((/** @type {(end: CellEnd | undefined) => void} */ resolve) => {
      finish = resolve;
    });
    /** @type {Run} */
    const own = {
      serial: number,
      source,
      phase: 'compiling',
      end: finish,
      listens: false,
      spinning: false,
      interruptedAt: undefined,
      lastInterrupt: -Infinity,
    };
    running = own;
    try {
      const first = await Promise.race([compile({ serial: number, source, label }), ended.then((end) => ({ end }))]);
      if (!('compiled' in first)) return first.end ?? { status: 'ok' };
      const { code, isAsync, lastExpression, maps, state: after } = first.compiled;
      cells.set(number, { source, label, position: positionBy(maps) });
      cells.delete(number - rememberedCells);
      if (code === undefined) {
        state = after;
        return { status: 'ok' };
      }
      if (!session) startSession();
      const where = session;
      own.phase = 'running';
      where?.order({ do: 'run', cell: number, code, isAsync, lastExpression });
      const end = await ended;
      // What a child wrote before the cell ended is read by now.
      await turn();
      await turn();
      // What a failing cell declared before it failed stays: the model that was trained until an interrupt.
      if (session === where) state = after;
      return end ?? { status: 'ok' };
    } finally {
      running = undefined;
    }
  };

  /** @param {Message} request @param {Reply} reply */
  const execute = async (request, reply) => {
    const content =
      /** @type {{ code: string, silent?: boolean, store_history?: boolean, stop_on_error?: boolean, user_expressions?: Record<string, string> }} */ (
        request.content
      );
    const { code } = content;
    const silent = content.silent === true;
    /** @type {Owner} */
    const owner = {
      request,
      silent,
      output: createOutput((type, body) => {
        sockets.publish(type, body, request);
      }, readable),
    };
    current?.output.flush();
    current = owner;
    if (!silent) shown = owner;
    const stored = !silent && content.store_history !== false;
    if (stored) {
      count += 1;
      history.add(count, code);
    }
    if (!silent) sockets.publish('execute_input', { code, execution_count: count }, request);
    /** @type {CellEnd} */
    let end = code.trim() === '' ? { status: 'ok' } : await run(code, owner);
    owner.output.end();
    if (end.status === 'ok') {
      if (end.data) {
        const data = readableBundle(end.data);
        if (stored && typeof data['text/plain'] === 'string') history.result(data['text/plain']);
        if (!silent && Object.keys(data).length > 0)
          sockets.publish('execute_result', { execution_count: count, data, metadata: {} }, request);
      }
      /** @type {Content} */
      const values = {};
      for (const [name, source] of Object.entries(content.user_expressions ?? {})) {
        const value = await run(`(${source})`, owner);
        values[name] =
          value.status === 'ok'
            ? { status: 'ok', data: value.data ?? { 'text/plain': 'undefined' }, metadata: {} }
            : { status: 'error', ...value.report };
      }
      owner.output.end();
      reply('execute_reply', { status: 'ok', execution_count: count, payload: [], user_expressions: values });
      return;
    }
    if (!silent) sockets.publish('error', { ...end.report }, request);
    // Requests that the front end sent before it could know of the error are to be refused: let them arrive first.
    await sleep(10);
    if (content.stop_on_error !== false) refused = new Set(waiting);
    reply('execute_reply', { status: 'error', execution_count: count, ...end.report });
  };

  /** @type {Set<Message>} */
  const waiting = new Set();
  /** @type {Set<Message>} */
  let refused = new Set();
  let queue = Promise.resolve();
  /** The request that is carried out. @type {Message | undefined} */
  let busyWith;

  /** @param {'starting' | 'busy' | 'idle'} execution_state @param {Message} [parent] */
  const status = (execution_state, parent) => {
    sockets.publish('status', { execution_state }, parent);
  };

  /** @param {Message} request @param {Reply} reply */
  const enqueue = (request, reply) => {
    waiting.add(request);
    queue = queue.then(async () => {
      waiting.delete(request);
      status('busy', request);
      busyWith = request;
      try {
        if (refused.delete(request)) reply('execute_reply', { status: 'aborted', execution_count: count });
        else await execute(request, reply);
      } catch (error) {
        complain(error);
        const report = plainReport('KernelError', `the kernel failed: ${String(error)}`);
        sockets.publish('error', { ...report }, request);
        reply('execute_reply', { status: 'error', execution_count: count, ...report });
      } finally {
        busyWith = undefined;
        status('idle', request);
      }
    });
  };

  /** @type {unknown} */
  const manifest = JSON.parse(
    readFileSync(join(root, 'node_modules', '@tslab', 'typescript-for-tslab', 'package.json'), 'utf8'),
  );
  const { version: typescript } = /** @type {{ version: string }} */ (manifest);
  const kernelInfo = {
    status: 'ok',
    protocol_version: '5.3',
    implementation: 'ciard',
    implementation_version: '1.0.0',
    language_info: {
      name: 'typescript',
      version: typescript,
      mimetype: 'text/typescript',
      file_extension: '.ts',
      // Both are needed: JupyterLab's predecessors know the language by this alone.
      codemirror_mode: { mode: 'typescript', name: 'javascript', typescript: true },
      pygments_lexer: 'typescript',
      nbconvert_exporter: 'script',
    },
    banner: `TypeScript ${typescript} on Node ${process.version}, with ciard`,
    debugger: false,
    help_links: [{ text: 'TypeScript', url: 'https://www.typescriptlang.org/docs/' }],
  };

  /**
   * What the compiler says to a question of an editor. A compiler that is still loading is not waited for without a word.
   * @param {Message} request
   * @param {'complete' | 'inspect' | 'isComplete'} what
   * @returns {Promise<Content>}
   */
  const askCompiler = async (request, what) => {
    const { code } = /** @type {{ code: string }} */ (request.content);
    if (what !== 'isComplete' && mentionsLibrary(code)) compiler.knowLibrary();
    for (const until = performance.now() + longestLoading; !compiler.isReady() && performance.now() < until;)
      await sleep(20);
    if (!compiler.isReady())
      return {
        status: 'error',
        ...plainReport('CompilerLoading', 'the compiler is still being loaded: ask again in a moment'),
      };
    try {
      return /** @type {Content} */ (await compiler.ask({ do: what, state, request: request.content }));
    } catch (error) {
      // Such as code that is too deep for the compiler: whoever asked is to know that no answer comes.
      const { name, message } = /** @type {Error} */ (error);
      return { status: 'error', ...plainReport(name, message) };
    }
  };

  /** @param {Message} request @param {Reply} reply @returns {void | Promise<void>} */
  const answer = (request, reply) => {
    const { content } = request;
    switch (request.header.msg_type) {
      case 'kernel_info_request':
        reply('kernel_info_reply', kernelInfo);
        break;
      case 'complete_request':
        return askCompiler(request, 'complete').then((found) => {
          reply('complete_reply', found);
        });
      case 'inspect_request':
        return askCompiler(request, 'inspect').then((found) => {
          reply('inspect_reply', found);
        });
      case 'is_complete_request':
        return askCompiler(request, 'isComplete').then((found) => {
          reply('is_complete_reply', found['status'] === 'error' ? { status: 'unknown' } : found);
        });
      case 'history_request':
        reply('history_reply', { status: 'ok', history: history.find(content) });
        break;
      case 'comm_info_request':
        reply('comm_info_reply', { status: 'ok', comms: {} });
        break;
      case 'interrupt_request':
        interrupt();
        reply('interrupt_reply', { status: 'ok' });
        break;
      case 'shutdown_request':
        reply('shutdown_reply', { status: 'ok', restart: content['restart'] === true });
        break;
      default:
        // Comms, debugging and what later protocols bring: a kernel is to ignore what it does not know.
        break;
    }
  };

  const leave = async () => {
    if (isOver) return;
    isOver = true;
    session?.order({ do: 'exit' });
    compiler.end();
    for (const until = performance.now() + longestFarewell; session?.isAlive() && performance.now() < until;)
      await sleep(10);
    session?.kill('the kernel was shut down');
    sockets.close();
    process.exit(0);
  };

  /** @param {Message} request @param {Reply} reply */
  const onRequest = async (request, reply) => {
    if (request.header.msg_type === 'execute_request') {
      enqueue(request, reply);
      return;
    }
    status('busy', request);
    try {
      await answer(request, reply);
    } finally {
      status('idle', request);
      // A front end takes the last status for the kernel's.
      if (busyWith) status('busy', busyWith);
    }
    if (request.header.msg_type === 'shutdown_request') {
      // The reply needs a moment on its way.
      await sleep(50);
      await leave();
    }
  };

  const sockets = await openSockets({
    connection,
    onRequest: (request, reply) => {
      onRequest(request, reply).catch(complain);
    },
    onError: complain,
  });
  status('starting');

  process.on('SIGINT', interrupt);
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) process.on(signal, () => void leave());
  process.on('exit', () => {
    session?.kill('the kernel was ended');
  });
  // A kernel whose Jupyter is gone would wait for ever: nobody is left to shut it down.
  const parent = process.ppid;
  if (process.env['JPY_PARENT_PID']) {
    setInterval(() => {
      if (process.ppid !== parent) void leave();
    }, 1000).unref();
  }
};
