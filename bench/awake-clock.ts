import { Worker } from 'node:worker_threads';

/** Milliseconds between two looks at the clock, and the longest that is no pause. */
const ticking = { interval: 100, longestGap: 1000 };

/**
 * A clock that stands still while the process does: stopped by a signal, or on a machine asleep. A measurement of many
 * minutes can so be paused, to let others have the machine, and goes on.
 */
export interface AwakeClock {
  seconds(): number;
  /** Seconds that were left out. */
  pausedSeconds(): number;
  /** Processor seconds of all processes together, outside of pauses; exact to an interval. */
  busySeconds(): number;
  dispose(): Promise<void>;
}

export const createAwakeClock = async (): Promise<AwakeClock> => {
  const shared = new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT);
  const values = new Float64Array(shared);
  const ticker = new Worker(new URL('awake-ticker.mjs', import.meta.url), {
    workerData: { shared, ...ticking },
    // Plain JavaScript: it needs no loader.
    execArgv: [],
  });
  await new Promise<void>((resolve, reject) => {
    ticker.once('message', () => {
      resolve();
    });
    ticker.once('error', reject);
  });
  ticker.unref();
  return {
    seconds: () => performance.now() / 1000 - values[0]!,
    pausedSeconds: () => values[0]!,
    busySeconds: () => values[1]!,
    dispose: async () => {
      await ticker.terminate();
    },
  };
};
