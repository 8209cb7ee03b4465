import { spawn } from 'node:child_process';
import process from 'node:process';
import { StringDecoder } from 'node:string_decoder';
import { fileURLToPath } from 'node:url';
import { lineReader } from './lines.mjs';

/**
 * @typedef {import('./session.js').SessionWord} SessionWord
 * @typedef {{ readonly spinning: boolean }} WatcherWord whether JavaScript holds the thread that can be stopped
 * @typedef {{ readonly code: number | null, readonly signal: NodeJS.Signals | null, readonly why: string | undefined, readonly said: string }} SessionEnd
 *   `why`: why it was ended, where the front did it; `said`: the last that it wrote to its standard error
 * @typedef {object} SessionProcess
 * @property {(order: object) => void} order
 * @property {(why: string) => void} kill ends it and all that it has started
 * @property {() => boolean} isAlive
 */

/** @type {readonly ['orders', 'words', 'watcher']} */
const streams = ['orders', 'words', 'watcher'];
const saidLength = 4000;

/** @param {number} group */
const killGroup = (group) => {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
};

/**
 * A session, the process in which cells run, in a process group of its own, as the front sees it.
 * @param {{
 *   root: string,
 *   folder: string,
 *   onWord: (word: SessionWord) => void,
 *   onWatcher: (word: WatcherWord) => void,
 *   onRaw: (name: 'stdout' | 'stderr', text: string) => void,
 *   onEnd: (end: SessionEnd) => void,
 * }} options `onRaw`: what native code and child processes wrote
 * @returns {SessionProcess}
 */
export const startSessionProcess = ({ root, folder, onWord, onWatcher, onRaw, onEnd }) => {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('session.mjs', import.meta.url)), root, folder],
    {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', ...streams.map(() => /** @type {const} */ ('pipe'))],
    },
  );
  const group = child.pid;
  /** @type {string | undefined} */
  let why;
  let said = '';
  let isAlive = true;
  /** @param {string} reason */
  const kill = (reason) => {
    if (!isAlive) return;
    why ??= reason;
    if (group !== undefined) killGroup(group);
  };
  const [, stdout, stderr, orders, words, watcher] = /** @type {import('node:stream').Duplex[]} */ (
    /** @type {unknown} */ (child.stdio)
  );
  if (!stdout || !stderr || !orders || !words || !watcher) throw new Error('a session without its streams');
  for (const [name, stream] of /** @type {const} */ ([
    ['stdout', stdout],
    ['stderr', stderr],
  ])) {
    const decoder = new StringDecoder();
    stream.on('data', (/** @type {Buffer} */ chunk) => {
      const text = decoder.write(chunk);
      if (name === 'stderr') said = (said + text).slice(-saidLength);
      onRaw(name, text);
    });
  }
  words.on(
    'data',
    lineReader((line) => {
      /** @type {unknown} */
      let word;
      try {
        word = JSON.parse(line);
      } catch {
        // A cell wrote into a stream that is not its own.
        return;
      }
      onWord(/** @type {SessionWord} */ (word));
    }),
  );
  watcher.on(
    'data',
    lineReader((line) => {
      /** @type {unknown} */
      const word = JSON.parse(line);
      onWatcher(/** @type {WatcherWord} */ (word));
    }),
  );
  for (const stream of [stdout, stderr, orders, words, watcher]) stream.on('error', () => undefined);
  for (const stream of [orders, words]) {
    stream.on('close', () => {
      // It ends, which is told in a moment; or it lives on and nobody can speak with it.
      setTimeout(() => {
        kill('it closed the streams that lead to the kernel');
      }, 200);
    });
  }
  /** @param {number | null} code @param {NodeJS.Signals | null} signal */
  const ended = (code, signal) => {
    if (!isAlive) return;
    isAlive = false;
    if (group !== undefined) killGroup(group);
    // What it wrote before is still in the pipes: a turn of the event loop reads it.
    setImmediate(() =>
      setImmediate(() =>
        setImmediate(() => {
          onEnd({ code, signal, why, said });
        }),
      ),
    );
  };
  child.once('exit', ended);
  child.once('error', (error) => {
    why ??= error.message;
    ended(null, null);
  });
  orders.resume();
  return {
    order: (order) => {
      orders.write(`${JSON.stringify(order)}\n`);
    },
    kill,
    isAlive: () => isAlive,
  };
};
