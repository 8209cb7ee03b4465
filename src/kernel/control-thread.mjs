import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { createRequire } from 'node:module';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { readMessage } from './messages.mjs';

/**
 * The thread that stays awake while a cell holds the main one: it has the control channel (interrupt, shutdown) and the
 * heartbeat. An interrupt is handed to the main thread, whose cell is to end by itself. Where that thread is stuck in
 * JavaScript that never returns to the event loop, this one stops it, as a debugger's stop button does.
 *
 * @typedef {{ control: string, heartbeat: string, key: string, heard: Int32Array }} ControlData
 *   `heard`: [the number of interrupts that the main thread has taken note of].
 * @typedef {{ frames: Uint8Array[] } | { interrupt: number } | { stopped: string[] } | { error: string }} FromControl
 *   `stopped`: the frames in which it ran, as a stack trace has them.
 */
/** @type {unknown} */
const given = workerData;
const { control, heartbeat, key, heard } = /** @type {ControlData} */ (given);
const port = /** @type {NonNullable<typeof parentPort>} */ (parentPort);
/** @type {(message: FromControl) => void} */
const tell = (message) => {
  port.postMessage(message);
};

const require = createRequire(createRequire(import.meta.url).resolve('tslab/dist/jupyter.js'));
/** @type {unknown} */
const binding = require('zeromq');
const zmq = /** @type {typeof import('zeromq')} */ (binding);

/** What the main thread gets to end by itself, in milliseconds. */
const longestShutdown = 1000;

let interrupts = 0;
const isHeard = () => Atomics.load(heard, 0) >= interrupts;

/** How often the main thread is asked, in milliseconds, and how many prompt answers in a row make it count as stuck. */
const interval = 150;
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
    const first = interrupts;
    await sleep(interval);
    if (isHeard()) return false;
    const asked = performance.now() - kept();
    await ask(session, 'Runtime.getIsolateId');
    answers = performance.now() - kept() - asked < prompt ? answers + 1 : 0;
    // A second interrupt is the user's word that nothing is worth waiting for.
    if (interrupts > first) break;
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
 * entered through JavaScript of Node's that has to be left in order, or Node ends the process; such a one is left alone.
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
  const callFrameId = frames[0]?.callFrameId;
  const answer = /** @type {{ result: { value?: unknown } }} */ (
    await ask(session, 'Debugger.evaluateOnCallFrame', { callFrameId, expression: 'globalThis.__tslab__.asyncId()' })
  );
  const possible = answer.result.value === 0 && !isHeard();
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
    await sleep(interval);
    while (!isHeard()) {
      const session = new Session();
      session.connectToMainThread();
      try {
        const stopped = (await isSpinning(session)) ? await stop(session) : undefined;
        if (stopped) tell({ stopped });
      } finally {
        session.disconnect();
      }
      await sleep(interval);
    }
  } finally {
    watching = false;
  }
};

const router = new zmq.Router();
router.sendHighWaterMark = 0;
router.sendTimeout = 0;
const beats = new zmq.Reply();
await Promise.all([router.bind(control), beats.bind(heartbeat)]);

/** @param {unknown} error */
const complain = (error) => {
  tell({ error: String(error) });
};

port.on('message', (/** @type {Uint8Array[] | 'close'} */ message) => {
  if (message === 'close') {
    router.close();
    beats.close();
    port.close();
  } else {
    router.send(message.map((frame) => Buffer.from(frame))).catch(complain);
  }
});

// A kernel whose Jupyter is gone would wait for ever: nobody is left to shut it down.
const parent = process.ppid;
if (process.env['JPY_PARENT_PID']) {
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, 1000).unref();
}

const echo = async () => {
  for await (const beat of beats) await beats.send(beat);
};
echo().catch(complain);

for await (const frames of router) {
  try {
    const type = readMessage(frames, key).header.msg_type;
    // The main thread sees to it, if it ever comes to it: a cell may hold it for good.
    if (type === 'shutdown_request') setTimeout(() => process.kill(process.pid, 'SIGKILL'), longestShutdown);
    if (type === 'interrupt_request') {
      interrupts += 1;
      tell({ interrupt: interrupts });
      watch().catch(complain);
    }
    tell({ frames });
  } catch (error) {
    complain(error);
  }
}
