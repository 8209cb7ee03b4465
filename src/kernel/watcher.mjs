import { readFileSync, writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { lineReader } from './lines.mjs';

/**
 * The thread of a session that stays awake while a cell holds the main one, and whose globals no cell can reach. It hears
 * what the front orders and hands it to the main thread. An interrupt is to be seen to by the cell itself; where the main
 * thread is stuck in JavaScript that never returns to the event loop, this one stops it, as a debugger's stop button does.
 * When the front is gone, so are the session and all that its cells have started.
 *
 * @typedef {{ orders: number, words: number, port: import('node:worker_threads').MessagePort, heard: Int32Array }} WatcherData
 *   `orders`, `words`: the streams from the front and to it; `heard`: [the number of interrupts that the main thread has
 *   taken note of].
 */
/** @type {unknown} */
const given = workerData;
const { orders, words, port, heard } = /** @type {WatcherData} */ (given);

/** @param {object} word */
const tellFront = (word) => {
  try {
    writeSync(words, `${JSON.stringify(word)}\n`);
  } catch {
    // The front is gone, or a cell has closed the stream: the front sees to that.
  }
};

let interrupts = 0;
const isHeard = () => Atomics.load(heard, 0) >= interrupts;

/** How often the main thread is asked, in milliseconds, and how many prompt answers in a row make it count as stuck. */
const interval = 130;
const enough = 5;
/** What is prompt, in milliseconds, not counting the time in which a busy machine kept the thread waiting. */
const prompt = 60;

/** How long the main thread has waited for a processor in all, in milliseconds; 0 where Linux does not tell. */
const kept = () => {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
};

/**
 * TensorFlow's calls hold the thread as well, and what called them is about to save its state: it must not be cut off. A
 * thread in such a call answers only when the call returns; one that spins in JavaScript answers at once, every time.
 * @param {Session} session
 */
const isSpinning = async (session) => {
  for (let answers = 0; answers < enough;) {
    await sleep(interval);
    if (isHeard()) return false;
    const asked = performance.now() - kept();
    await ask(session, 'Runtime.getIsolateId');
    answers = performance.now() - kept() - asked < prompt ? answers + 1 : 0;
    if (answers === 2) tellFront({ spinning: true });
  }
  return !isHeard();
};

/**
 * @param {Session} session
 * @param {string} method
 * @param {object} [parameters]
 * @returns {Promise<unknown>}
 */
const ask = (session, method, parameters = {}) =>
  new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => {
      if (error) reject(new Error(`${method}: ${error.message}`));
      else resolve(result);
    });
  });

/**
 * Stops what runs, if it runs as a continuation of promises. A callback of a timer, of `setImmediate` or of an event is
 * entered through JavaScript of Node's that has to be left in order, or Node ends the process; such a one is left to the
 * front, which ends the session.
 * @param {Session} session
 */
const stop = async (session) => {
  /** @type {Map<string, string>} */
  const urls = new Map();
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => {
    urls.set(scriptId, url);
  });
  await ask(session, 'Debugger.enable');
  /** @type {Promise<import('node:inspector').Debugger.CallFrame[]>} */
  const paused = new Promise((resolve) => {
    session.once('Debugger.paused', ({ params }) => {
      resolve(params.callFrames);
    });
  });
  await ask(session, 'Debugger.pause');
  const frames = await paused;
  const entered = urls.get(frames.at(-1)?.location.scriptId ?? '') ?? '';
  const possible = !/^node:(?!internal\/process\/task_queues)/.test(entered) && !isHeard();
  // The answer to this comes when the thread goes on, which is after the session's end.
  if (possible) ask(session, 'Runtime.terminateExecution').catch(() => undefined);
  await ask(session, 'Debugger.resume').catch(() => undefined);
  await ask(session, 'Debugger.disable').catch(() => undefined);
  if (!possible) return undefined;
  return frames.map(({ functionName, location: { scriptId, lineNumber, columnNumber = 0 } }) => {
    const place = `${urls.get(scriptId) ?? ''}:${lineNumber + 1}:${columnNumber + 1}`;
    return `    at ${functionName === '' ? place : `${functionName} (${place})`}`;
  });
};

let watching = false;
const watch = async () => {
  if (watching) return;
  watching = true;
  try {
    while (!isHeard()) {
      const session = new Session();
      session.connectToMainThread();
      try {
        const stopped = (await isSpinning(session)) ? await stop(session) : undefined;
        if (stopped) port.postMessage({ do: 'stopped', frames: stopped });
        else if (!isHeard()) tellFront({ spinning: false });
      } finally {
        session.disconnect();
      }
      await sleep(interval);
    }
  } finally {
    watching = false;
  }
};

/** Ends this process and all that its cells have started. */
const endAll = () => {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.kill(process.pid, 'SIGKILL');
  }
};

const read = lineReader((line) => {
  /** @type {unknown} */
  const given = JSON.parse(line);
  const order = /** @type {{ do: string }} */ (given);
  if (order.do === 'interrupt') {
    interrupts += 1;
    port.postMessage({ do: 'interrupt', count: interrupts });
    watch().catch(() => undefined);
  } else {
    port.postMessage(order);
  }
});
const input = new Socket({ fd: orders, readable: true, writable: false });
input.on('data', read);
for (const event of ['end', 'error', 'close']) input.on(event, endAll);
