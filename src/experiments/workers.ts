import { join } from 'node:path';
import { execa } from 'execa';
import { repositoryRoot } from '../data/location.js';
import type { Places } from './places.js';

/** Exit codes of `ciard cell run`, and of the answers of a worker. */
export const exitCodes = { done: 0, failed: 1, unknown: 2, resumable: 75 } as const;

/** What a worker is asked for: cells in order. */
export interface Order {
  readonly ids: readonly string[];
  /** The file that is to tell how it goes. */
  readonly log: string;
}

export interface Answer {
  readonly exitCode: number;
  /** What went wrong; null where nothing did. */
  readonly message: string | null;
  /** Bytes that the process holds. */
  readonly memory: number;
}

/** What became of an order; `lost`: how the process ended over it. */
export type Outcome = Answer | { readonly lost: string };

/** Processes that run cells, one order after another, so that Node and TensorFlow start once. */
export interface Workers {
  /**
   * Has an order done by a worker that has nothing to do, or a new one.
   * @param kind of what is ordered: a worker whose last order was of the same comes first, for it keeps the programs
   */
  run(order: Order, kind?: string): Promise<Outcome>;
  /** The kinds of the last orders of those that have nothing to do. */
  idleKinds(): ReadonlySet<string>;
  /** Asks those that work to save where they stand, and to answer. */
  interrupt(): void;
  /** Ends those that have nothing to do, and waits until they are gone. */
  close(): Promise<void>;
}

/** A process that holds more, in bytes, ends after its order: what it has gathered is freed. */
const mostMemory = 1.3e9;

/** Other numbers of threads round otherwise, and end with other weights. */
export const oneThread = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };

const start = ({ results, runs }: Places) => {
  const child = execa(
    process.execPath,
    [join(repositoryRoot(), 'bin', 'ciard.mjs'), 'cell', 'work', '--results', results, '--runs', runs],
    {
      ipc: true,
      buffer: false,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
      reject: false,
      forceKillAfterDelay: 60_000,
      env: oneThread,
    },
  );
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  return {
    child,
    kind: '',
    /** What it said last, and how it ended. */
    end: async (): Promise<string> => {
      const { exitCode, signal } = await child;
      const last = complaint.trim().split('\n').slice(-3).join(' ');
      return `${signal === undefined ? `exit code ${exitCode ?? '?'}` : `ended by ${signal}`}${last === '' ? '' : `: ${last}`}`;
    },
  };
};

/** Their processes have one TensorFlow thread each. */
export const createWorkers = (places: Places): Workers => {
  const idle: ReturnType<typeof start>[] = [];
  const working = new Set<ReturnType<typeof start>>();
  return {
    async run(order, kind = '') {
      const worker = idle.findLast((each) => each.kind === kind) ?? idle.at(-1) ?? start(places);
      if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
      worker.kind = kind;
      working.add(worker);
      try {
        // Listening first: an answer may come before the sending is over.
        const [answer] = (await Promise.all([
          worker.child.getOneMessage(),
          worker.child.sendMessage({ ...order, ids: [...order.ids] }),
        ])) as unknown as [Answer, undefined];
        if (answer.memory > mostMemory) worker.child.disconnect();
        else idle.push(worker);
        return answer;
      } catch {
        // The channel closes with the process, whatever ended it.
        return { lost: await worker.end() };
      } finally {
        working.delete(worker);
      }
    },
    idleKinds: () => new Set(idle.map(({ kind }) => kind)),
    interrupt() {
      for (const { child } of working) child.kill('SIGTERM');
    },
    async close() {
      const leaving = idle.splice(0);
      for (const { child } of leaving) child.disconnect();
      await Promise.all(leaving.map(({ child }) => child));
    },
  };
};
