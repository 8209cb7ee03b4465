import { writeSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { InterruptedError } from '../errors.js';
import { bundleOf, setDisplaySink, setViews, type Displayable, type MimeBundle } from './display.js';
import { type CellCode, createCellExecutor } from './executor.js';
import { createCellInterruption } from './interruption.js';
import { createCellModules } from './modules.js';
import { cellOnStack } from './origin.js';
import { type RawError, rawErrorOf } from './raw-error.js';
import { refuseInput } from './stdin.js';
import { captureStreams, type StreamName } from './streams.js';
import type { WatcherData } from './watcher.mjs';

/** How plain data of the library is shown. */
interface Views {
  readonly viewOf: (value: unknown) => Displayable | undefined;
}

export interface SessionOptions {
  /** The repository's root, the working directory of cells. */
  readonly root: string;
  /** The notebook's folder. */
  readonly folder: string;
  /** Gives the place where the names of loaded files are to go. */
  readonly onLoaded: (listener: (url: string) => void) => void;
  /** Loads the views of the library's data. Called once a cell shows an object and has loaded some of the library. */
  readonly loadViews: () => Promise<Views>;
}

/** What the front orders, a line of JSON each, by way of the watcher's thread. */
export type SessionOrder =
  | ({ readonly do: 'run'; readonly cell: number } & CellCode)
  /** The cell that is being compiled imports the library: it can be loaded meanwhile. */
  | { readonly do: 'preload' }
  | { readonly do: 'interrupt'; readonly count: number }
  /** From the watcher: it stopped JavaScript that held the thread; its promises will never settle. */
  | { readonly do: 'stopped'; readonly frames: readonly string[] }
  | { readonly do: 'exit' };

/** What a session tells the front, a line of JSON each. `cell`: whose doing it is, as far as that is known. */
export type SessionWord =
  | { readonly say: 'ready' }
  | { readonly say: 'text'; readonly cell?: number | undefined; readonly to: StreamName; readonly text: string }
  | {
      readonly say: 'show';
      readonly cell?: number | undefined;
      readonly update: boolean;
      readonly id?: string | undefined;
      readonly data: MimeBundle;
      readonly metadata: MimeBundle;
    }
  | { readonly say: 'clear'; readonly cell?: number | undefined; readonly wait: boolean }
  /** The cell looks at its interrupt's signal: it saves its state before it ends. */
  | { readonly say: 'listens'; readonly cell: number }
  | { readonly say: 'uncaught'; readonly error: RawError }
  | {
      readonly say: 'end';
      readonly cell: number;
      readonly data?: MimeBundle | undefined;
      readonly error?: RawError | undefined;
    };

/** The streams between the front and a session, besides the standard ones. */
const sessionStreams = { orders: 3, words: 4, watcher: 5 } as const;

/** What cells may replace or take away, as it was at the start. */
const { Atomics } = globalThis;
const { stringify } = JSON;
const bytesOf = Buffer.from.bind(Buffer) as (text: string) => Buffer;
const { reallyExit } = process as unknown as { reallyExit: (code: number) => void };
const exit = process.exit.bind(process);

/** The exit code of a session whose streams a cell has closed. */
const closedStreams = 86;

/** Tells the front, and is done when it has: whatever a cell does next, it was told. */
const tell = (word: SessionWord): void => {
  let line: string | undefined;
  try {
    line = stringify({ __proto__: null, ...word });
  } catch (error) {
    if (word.say !== 'end') throw error;
    line = stringify({ __proto__: null, say: 'end', cell: word.cell, error: rawErrorOf(error) });
  }
  const bytes = bytesOf(`${line}\n`);
  try {
    for (let sent = 0; sent < bytes.length;) sent += writeSync(sessionStreams.words, bytes, sent, bytes.length - sent);
  } catch {
    // A cell has closed the stream, or the front is gone: nobody will ever hear of this session again.
    reallyExit(closedStreams);
  }
};

export const startSession = ({ root, folder, onLoaded, loadViews }: SessionOptions): void => {
  const modules = createCellModules({ root, folder });
  onLoaded(modules.loaded);
  const interruption = createCellInterruption();
  const executor = createCellExecutor({ root, folder, modules });
  captureStreams((to, text) => {
    tell({ say: 'text', cell: cellOnStack(), to, text });
  });
  let tracked: Promise<void>[] = [];
  setDisplaySink({
    show: (data, { id, update, metadata }) => {
      tell({ say: 'show', cell: cellOnStack(), update, id, data, metadata });
    },
    clear: (wait) => {
      tell({ say: 'clear', cell: cellOnStack(), wait });
    },
    track: (work) => {
      work.catch(() => undefined);
      tracked[tracked.length] = work;
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

  const warnOfEdits = (): void => {
    const edited = modules.stale();
    if (edited.length === 0) return;
    const text =
      `${edited.join(', ')} changed on disk after being loaded. Types follow the edit, but what runs is the old code: ` +
      `restart the kernel to run the new one.\n`;
    tell({ say: 'text', to: 'stderr', text });
  };

  /** Runs a cell, waits for the displays that it began and makes its result ready to be shown. */
  const run = async (number: number, code: CellCode): Promise<void> => {
    tracked = [];
    let data: MimeBundle | undefined;
    let error: RawError | undefined;
    try {
      interruption.begin(executor.abandon, () => {
        tell({ say: 'listens', cell: number });
      });
      const { value } = await executor.run(code);
      const shown = await executor.alone(async () => {
        for (let at = 0; at < tracked.length; at++) await tracked[at];
        return value === undefined || value === null ? undefined : { __proto__: null, ...(await bundleOf(value)) };
      });
      data = shown.value;
    } catch (thrown) {
      error = rawErrorOf(thrown);
    }
    interruption.end();
    try {
      warnOfEdits();
    } catch {
      // A cell has replaced what this needs; a warning is not worth more.
    }
    tell({ say: 'end', cell: number, data, error });
  };

  const heard = new Int32Array(new SharedArrayBuffer(4));
  const take = (order: SessionOrder): void => {
    switch (order.do) {
      case 'run':
        void run(order.cell, order);
        break;
      case 'preload':
        // Whatever comes of it comes again when the cell imports it.
        modules.load('ciard').catch(() => undefined);
        break;
      case 'interrupt':
        Atomics.store(heard, 0, order.count);
        interruption.interrupt();
        break;
      case 'stopped': {
        const error = new InterruptedError('interrupted; the cell held the thread and was stopped where it was');
        error.stack = [`${error.name}: ${error.message}`, ...order.frames].join('\n');
        executor.abandon(error);
        break;
      }
      case 'exit':
        exit(0);
    }
  };

  refuseInput();
  // Not a listener, which a cell could remove.
  process.setUncaughtExceptionCaptureCallback((error) => {
    tell({ say: 'uncaught', error: rawErrorOf(error) });
  });

  const { port1: port, port2 } = new MessageChannel();
  port.on('message', take);
  const watcher = new Worker(new URL('watcher.mjs', import.meta.url), {
    execArgv: [],
    workerData: {
      orders: sessionStreams.orders,
      words: sessionStreams.watcher,
      port: port2,
      heard,
    } satisfies WatcherData,
    transferList: [port2],
  });
  watcher.unref();
  tell({ say: 'ready' });
};
