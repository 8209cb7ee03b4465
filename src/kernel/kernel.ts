import { readFileSync } from 'node:fs';
import { InterruptedError } from '../errors.js';
import { createCellCompiler } from './compiler.js';
import { bundleOf, setDisplaySink, setViews, type Displayable, type MimeBundle } from './display.js';
import { createCellExecutor } from './executor.js';
import { createHistory } from './history.js';
import { createCellInterruption } from './interruption.js';
import { createLanguageServices } from './language.js';
import type { Content, Message } from './messages.mjs';
import { createCellModules } from './modules.js';
import { type Connection, openServer, type Reply } from './server.js';
import { refuseInput } from './stdin.js';
import { captureStreams } from './streams.js';
import { cellsOnStack, frameName, reportOf, type RunCell, withReadableTraces } from './traceback.js';
import { warmUp } from './warm-up.js';

/** How plain data of the library is shown. */
interface Views {
  readonly viewOf: (value: unknown) => Displayable | undefined;
}

export interface KernelOptions {
  /** What Jupyter wrote for us: ports and key. */
  readonly connectionFile: string;
  /** The notebook's folder. */
  readonly folder: string;
  /** The repository's root, the working directory of cells. */
  readonly root: string;
  /** Gives the place where the names of loaded files are to go. */
  readonly onLoaded: (listener: (url: string) => void) => void;
  /** The library's index, which the compiler reads ahead. */
  readonly library: string;
  /** Loads the views of the library's data. Called once a cell shows an object and has loaded some of the library. */
  readonly loadViews: () => Promise<Views>;
}

/** After this many milliseconds without a request nobody is taken to wait. */
const quiet = 300;

/** Stack traces can lead back into this many cells. */
const rememberedCells = 1000;

/** How a cell ended, and its result as it is shown: nothing where it has none. */
type CellEnd =
  | { readonly status: 'ok'; readonly bundle?: MimeBundle | undefined }
  | { readonly status: 'error'; readonly error: unknown };

export const startKernel = async ({
  connectionFile,
  folder,
  root,
  onLoaded,
  library,
  loadViews,
}: KernelOptions): Promise<void> => {
  const connection = JSON.parse(readFileSync(connectionFile, 'utf8')) as Connection;
  const console = process.stderr.write.bind(process.stderr);
  const complain = (error: unknown): void => {
    console(`ciard kernel: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  };

  const cells = new Map<number, RunCell>();
  let serial = 0;
  let count = 0;
  let label = '';
  const compiler = createCellCompiler({
    root,
    folder,
    onCell: (source, position) => {
      serial += 1;
      cells.set(serial, { source, label, position });
      cells.delete(serial - rememberedCells);
      return frameName(serial);
    },
  });
  const modules = createCellModules({ root, folder, resolveType: compiler.resolve });
  onLoaded(modules.loaded);
  const interruption = createCellInterruption();
  /**
   * While a cell's synchronous part runs, Node has a handler of its own in place of the listeners. A listener that the
   * cell adds meanwhile, or a cell that was stopped, leaves the system's handler behind, which ends the process.
   */
  const restoreSignal = (): void => {
    const listeners = process.rawListeners('SIGINT') as NodeJS.SignalsListener[];
    if (listeners.length === 1 && listeners[0] === interruption.interrupt) return;
    process.removeAllListeners('SIGINT');
    process.on('SIGINT', interruption.interrupt);
    for (const listener of listeners) if (listener !== interruption.interrupt) process.on('SIGINT', listener);
  };
  const executor = createCellExecutor({ root, folder, compiler, modules, afterSynchronous: restoreSignal });
  const language = createLanguageServices(executor, compiler);

  /** The request whose cell runs, or ran last: what is written belongs to it. */
  let current: Message | undefined;
  let silent = false;
  let tracked: Promise<void>[] = [];
  const history = createHistory();

  /** The last request that is to be seen: what the timers of earlier cells do during a silent one belongs to it. */
  let shown: Message | undefined;
  let silentFrom = Infinity;
  /** Whether what is written now is a silent request's own doing: no frame of an earlier cell led to it. */
  const isMuted = (): boolean => {
    if (!silent) return false;
    const serials = cellsOnStack();
    return serials.length === 0 || serials.some((each) => each >= silentFrom);
  };
  const output = (type: string, content: Content): void => {
    server.publish(type, content, silent ? shown : current);
  };
  const readable = (text: string): string => withReadableTraces(text, cells, root);
  const readableBundle = (data: MimeBundle): MimeBundle => {
    const text = data['text/plain'];
    return typeof text === 'string' ? { ...data, 'text/plain': readable(text) } : data;
  };
  const streams = captureStreams({
    isMuted,
    send: (name, text) => {
      output('stream', { name, text: readable(text) });
    },
  });
  setDisplaySink({
    show: (data, { id, update, metadata }) => {
      if (isMuted()) return;
      streams.flush();
      const transient = id === undefined ? {} : { display_id: id };
      output(update ? 'update_display_data' : 'display_data', { data: readableBundle(data), metadata, transient });
    },
    clear: (wait) => {
      if (isMuted()) return;
      streams.flush();
      output('clear_output', { wait });
    },
    track: (work) => {
      work.catch(() => undefined);
      tracked.push(work);
    },
  });

  let views: Views | undefined;
  setViews((value) => {
    if (views) return views.viewOf(value);
    // Where nothing of the library is loaded, no object is of its making.
    if (!modules.usesLibrary()) return undefined;
    return loadViews().then((loaded) => {
      views = loaded;
      return loaded.viewOf(value);
    });
  });

  /** Runs a cell, waits for the displays that it began and makes its result ready to be shown. */
  const run = async (source: string): Promise<CellEnd> => {
    interruption.begin(executor.abandon);
    tracked = [];
    try {
      const outcome = await executor.run(source);
      if (outcome.status === 'error') {
        const { code } = (outcome.error ?? {}) as { code?: unknown };
        if (code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED')
          return { status: 'error', error: new InterruptedError('interrupted') };
        return outcome;
      }
      const { result } = outcome;
      const bundle = await executor.alone(async () => {
        while (tracked.length > 0) await tracked.shift();
        return result === undefined || result === null ? undefined : bundleOf(result);
      });
      return { status: 'ok', bundle };
    } catch (error) {
      return { status: 'error', error };
    } finally {
      interruption.end();
      restoreSignal();
    }
  };

  const warnOfEdits = (): void => {
    const edited = modules.stale();
    if (edited.length === 0) return;
    process.stderr.write(
      `${edited.join(', ')} changed on disk after being loaded. Types follow the edit, but what runs is the old code: ` +
        `restart the kernel to run the new one.\n`,
    );
  };

  const execute = async (request: Message, reply: Reply): Promise<void> => {
    const content = request.content as {
      code: string;
      silent?: boolean;
      store_history?: boolean;
      user_expressions?: object;
    };
    const { code } = content;
    streams.flush();
    current = request;
    silent = content.silent === true;
    if (silent) silentFrom = serial + 1;
    else shown = request;
    const stored = !silent && content.store_history !== false;
    if (stored) {
      count += 1;
      history.add(count, code);
    }
    label = String(count);
    if (!silent) output('execute_input', { code, execution_count: count });
    const outcome: CellEnd = code.trim() === '' ? { status: 'ok' } : await run(code);
    warnOfEdits();
    try {
      if (outcome.status === 'error') throw outcome.error;
      if (outcome.bundle) {
        const data = readableBundle(outcome.bundle);
        streams.flush();
        if (stored && typeof data['text/plain'] === 'string') history.result(data['text/plain']);
        if (!silent && Object.keys(data).length > 0)
          output('execute_result', { execution_count: count, data, metadata: {} });
      }
      const expressions = await evaluate(content.user_expressions ?? {});
      streams.flush();
      reply('execute_reply', { status: 'ok', execution_count: count, payload: [], user_expressions: expressions });
    } catch (error) {
      const report = reportOf(error, { cells, root, label });
      streams.flush();
      if (!silent) output('error', { ...report });
      // Requests that the front end sent before it could know of the error are to be refused: let them arrive first.
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (request.content['stop_on_error'] !== false) refused = new Set(waiting);
      reply('execute_reply', { status: 'error', execution_count: count, ...report });
    }
  };

  const evaluate = async (expressions: object): Promise<Content> => {
    const values: Content = {};
    for (const [name, source] of Object.entries(expressions) as [string, string][]) {
      const outcome = await run(`(${source})`);
      values[name] =
        outcome.status === 'ok'
          ? { status: 'ok', data: outcome.bundle ?? { 'text/plain': 'undefined' }, metadata: {} }
          : { status: 'error', ...reportOf(outcome.error, { cells, root, label }) };
    }
    return values;
  };

  const waiting = new Set<Message>();
  let refused = new Set<Message>();
  let queue = Promise.resolve();
  let running: Message | undefined;

  const status = (state: 'starting' | 'busy' | 'idle', parent?: Message): void => {
    server.publish('status', { execution_state: state }, parent);
  };

  const enqueue = (request: Message, reply: Reply): Promise<void> => {
    waiting.add(request);
    queue = queue.then(async () => {
      waiting.delete(request);
      status('busy', request);
      running = request;
      try {
        if (refused.delete(request)) reply('execute_reply', { status: 'aborted', execution_count: count });
        else await execute(request, reply);
      } catch (error) {
        complain(error);
        reply('execute_reply', { status: 'error', execution_count: count, ...reportOf(error, { cells, root, label }) });
      } finally {
        running = undefined;
        streams.flush();
        status('idle', request);
      }
    });
    return queue;
  };

  const answer = (request: Message, reply: Reply): void => {
    const { content } = request;
    switch (request.header.msg_type) {
      case 'kernel_info_request':
        reply('kernel_info_reply', language.kernelInfo());
        break;
      case 'complete_request':
        reply('complete_reply', language.complete(content as { code: string; cursor_pos: number }));
        break;
      case 'inspect_request':
        reply('inspect_reply', language.inspect(content as { code: string; cursor_pos: number }));
        break;
      case 'is_complete_request':
        reply('is_complete_reply', language.isComplete(content as { code: string }));
        break;
      case 'history_request':
        reply('history_reply', { status: 'ok', history: history.find(content) });
        break;
      case 'comm_info_request':
        reply('comm_info_reply', { status: 'ok', comms: {} });
        break;
      case 'interrupt_request':
        // Done already, see onInterrupt.
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

  let lastRequest = performance.now();

  const onRequest = async (request: Message, reply: Reply): Promise<void> => {
    lastRequest = performance.now();
    if (request.header.msg_type === 'execute_request') return enqueue(request, reply);
    status('busy', request);
    try {
      answer(request, reply);
    } catch (error) {
      // Such as code that is too deep for the compiler: whoever asked is to know that no answer comes.
      const { ename, evalue, traceback } = reportOf(error, { cells, root, label });
      reply(request.header.msg_type.replace(/_request$/, '_reply'), { status: 'error', ename, evalue, traceback });
    } finally {
      status('idle', request);
      // A front end takes the last status for the kernel's.
      if (running) status('busy', running);
    }
    if (request.header.msg_type === 'shutdown_request') {
      // The reply needs a moment on its way.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await server.close();
      executor.close();
      process.exit(0);
    }
  };

  refuseInput();
  process.on('SIGINT', interruption.interrupt);
  const outside = (error: unknown): void => {
    streams.flush();
    const report = reportOf(error, { cells, root, label });
    process.stderr.write(`Not caught by any cell:\n${report.traceback.join('\n')}\n`);
  };
  process.on('uncaughtException', outside);
  process.on('unhandledRejection', outside);

  const server = await openServer({
    connection,
    onRequest,
    onInterrupt: interruption.interrupt,
    onStopped: (frames) => {
      restoreSignal();
      const error = new InterruptedError('interrupted; the cell held the thread and was stopped where it was');
      error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
      executor.abandon(error);
    },
    onError: complain,
  });
  status('starting');
  await warmUp({
    compiler,
    entry: library,
    isIdle: () => running === undefined && performance.now() - lastRequest > quiet,
  });
  await compiler.keepCode();
};
