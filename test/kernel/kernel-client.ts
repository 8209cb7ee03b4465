import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { kernelName, places } from '../../src/setup/places.mjs';

/** The `skip` option of a test that needs Jupyter: false where the private environment is there, else the reason. */
export const needsJupyter: false | string = existsSync(join(places.kernelspec, 'kernel.json'))
  ? false
  : 'needs the private Python environment (node src/setup/main.mjs)';

export interface Output {
  readonly type: string;
  readonly content: Record<string, unknown>;
  /** Seconds since the cells were sent. */
  readonly at: number;
}

export interface ErrorContent {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: string[];
}

export interface CellRun {
  readonly outputs: Output[];
  /** The types of the messages of iopub, and the states, in order. */
  readonly order: string[];
  readonly reply: { readonly status: string; readonly execution_count: number } & Partial<ErrorContent> &
    Record<string, unknown>;
  /** Seconds until the cell was idle. */
  readonly idle: number;
}

export interface ExecuteOptions {
  readonly interruptAfter?: readonly number[];
  /** Counts the seconds of interrupts from the first thing that is printed on. */
  readonly fromOutput?: boolean;
  readonly signalAfter?: readonly number[];
  /** In seconds. */
  readonly timeout?: number;
  readonly options?: { silent?: boolean; store_history?: boolean; stop_on_error?: boolean; user_expressions?: object };
}

export interface KernelClient {
  /** Seconds from the start of the process to the answer of its first request. */
  readonly readyAfter: number;
  /** The process that Jupyter started. */
  readonly pid: number;
  readonly run: (code: string, options?: ExecuteOptions) => Promise<CellRun>;
  readonly runAll: (codes: readonly string[], options?: ExecuteOptions) => Promise<CellRun[]>;
  readonly request: (
    type: string,
    content: object,
    channel?: 'shell' | 'control',
  ) => Promise<{ type: string; content: Record<string, unknown>; seconds: number }>;
  /** What all its processes hold, in bytes, shared pages by their shares. */
  readonly memory: () => Promise<number>;
  readonly alive: () => Promise<boolean>;
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<{ seconds: number; gone: boolean }>;
}

export interface OpenOptions {
  /** The notebook's folder. */
  readonly cwd?: string;
  /** What the kernel's environment has besides. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another kernel than ours. */
  readonly argv?: readonly string[];
}

/** The lines of a stream; they can be megabytes long. */
async function* linesOf(stream: Readable): AsyncGenerator<string, undefined> {
  let parts: string[] = [];
  stream.setEncoding('utf8');
  for await (const chunk of stream as AsyncIterable<string>) {
    const [first, ...rest] = chunk.split('\n');
    parts.push(first!);
    for (const next of rest) {
      yield parts.join('');
      parts = [next];
    }
  }
}

const endOf = (process: ChildProcess): Promise<unknown> => new Promise((resolve) => process.once('close', resolve));

/** A kernel of its own, spoken to by Jupyter's own client. */
export const openKernel = async ({
  cwd = join(places.root, 'notebooks'),
  argv,
  env = {},
}: OpenOptions = {}): Promise<KernelClient> => {
  const python = spawn(places.pythonExecutable, [join(import.meta.dirname, 'client.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Connection files and sockets stay inside the checkout.
    env: { ...process.env, ...env, JUPYTER_RUNTIME_DIR: join(places.jupyter, 'runtime') },
  });
  const ended = endOf(python);
  const lines = linesOf(python.stdout);
  const ask = async (order: object): Promise<Record<string, unknown>> => {
    python.stdin.write(`${JSON.stringify(order)}\n`);
    const line = await lines.next();
    if (line.done) throw new Error('the client ended');
    const answer = JSON.parse(line.value) as { ok?: Record<string, unknown>; error?: string };
    if (!answer.ok) throw new Error(`${answer.error ?? 'no answer'} (asked: ${JSON.stringify(order).slice(0, 200)})`);
    return answer.ok;
  };
  const runAll: KernelClient['runAll'] = async (codes, options = {}) =>
    (await ask({ do: 'execute', codes, ...options }))['cells'] as CellRun[];
  const started = await ask({ do: 'start', cwd, ...(argv ? { argv } : { kernel: kernelName }) });
  return {
    readyAfter: started['seconds'] as number,
    pid: started['pid'] as number,
    runAll,
    run: async (code, options) => (await runAll([code], options))[0]!,
    request: async (type, content, channel = 'shell') =>
      (await ask({ do: 'request', type, content, channel })) as Awaited<ReturnType<KernelClient['request']>>,
    memory: async () => (await ask({ do: 'memory' }))['bytes'] as number,
    alive: async () => (await ask({ do: 'alive' }))['alive'] as boolean,
    restart: async () => {
      await ask({ do: 'restart' });
    },
    stop: async () => {
      const stopped = await ask({ do: 'stop' });
      python.stdin.end();
      await ended;
      return stopped as { seconds: number; gone: boolean };
    },
  };
};

/** What a cell printed to one of its streams. */
export const streamOf = (run: CellRun, name: 'stdout' | 'stderr'): string =>
  run.outputs
    .filter(({ type, content }) => type === 'stream' && content['name'] === name)
    .map(({ content }) => content['text'] as string)
    .join('');

/** The text of a cell's result. */
export const resultOf = (run: CellRun): string | undefined => {
  const result = run.outputs.find(({ type }) => type === 'execute_result');
  return (result?.content['data'] as Record<string, string> | undefined)?.['text/plain'];
};

export const errorOf = (run: CellRun): ErrorContent | undefined =>
  run.outputs.find(({ type }) => type === 'error')?.content as ErrorContent | undefined;

/** By how much a limit of time is to be stretched on a machine that others keep busy. */
export const patience = (): number => Math.max(1, loadavg()[0]! / availableParallelism());
