import { spawn, spawnSync } from 'node:child_process';
import process from 'node:process';
import { SetupError } from './failure.mjs';

/** How much of a failed command's output is shown. */
const tailLines = 20;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** Whether commands were told to end, so that none is to begin. */
let closing = false;

/** @type {(pids: number[]) => void} */
let onChange = () => undefined;

/**
 * Calls `listener` with the process ids of the running commands whenever one starts or ends. Each is the leader of a
 * process group of its own.
 * @param {(pids: number[]) => void} listener
 */
export const watchCommands = (listener) => {
  onChange = listener;
};

const report = () => {
  onChange([...running].flatMap((child) => child.pid ?? []));
};

/**
 * The environment that commands run in: this one, without the variables by which a shell's own Python would leak into
 * ours.
 * @param {NodeJS.ProcessEnv} [extra]
 * @returns {NodeJS.ProcessEnv}
 */
export const commandEnvironment = (extra = {}) => {
  const foreign = ['PYTHONHOME', 'PYTHONPATH', 'PIP_USER', 'PIP_TARGET', 'PIP_PREFIX', 'VIRTUAL_ENV', 'CONDA_PREFIX'];
  const kept = Object.entries(process.env).filter(([name]) => !foreign.includes(name));
  return { ...Object.fromEntries(kept), ...extra };
};

/**
 * Runs a command to its end and returns what it printed. It has no terminal and no standard input, so it cannot ask.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, purpose: string, remedy?: string }} options `purpose` and `remedy` go
 *   into the error: 'installing the Node packages'
 * @returns {Promise<string>}
 * @throws {SetupError} with the end of the output, where the command fails
 */
export const runCommand = (command, args, { cwd, env = commandEnvironment(), purpose, remedy }) =>
  new Promise((resolve, reject) => {
    /** @param {string} what @param {string} output */
    const fail = (what, output) => {
      const lines = output.split(/\r?\n|\r/).filter((line) => line.trim() !== '');
      const tail = lines.slice(-tailLines).map((line) => `    ${line}`);
      reject(
        new SetupError(
          [
            `${purpose} failed: ${what}`,
            `  ${[command, ...args].join(' ')}`,
            ...tail,
            ...(remedy === undefined ? [] : [`  ${remedy}`]),
          ].join('\n'),
          1,
        ),
      );
    };
    if (closing) {
      fail('set-up is ending', '');
      return;
    }
    let output = '';
    // A group of its own: the whole tree can be ended, and a terminal's Ctrl-C reaches it through us alone.
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    report();
    const ended = () => {
      running.delete(child);
      report();
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (/** @type {string} */ text) => (output += text));
    }
    child.on('error', (error) => {
      ended();
      fail(error.message, output);
    });
    child.on('close', (code, signal) => {
      ended();
      if (code === 0) resolve(output);
      else fail(signal === null ? `exit code ${String(code)}` : `ended by ${signal}`, output);
    });
  });

/**
 * Asks a short question of a program: its output, or undefined where it is missing, fails or takes too long.
 * @param {string} command
 * @param {string[]} args
 * @param {number} [timeout] milliseconds
 * @returns {string | undefined}
 */
export const answerOf = (command, args, timeout = 20_000) => {
  const { status, stdout, error } = spawnSync(command, args, {
    env: commandEnvironment(),
    encoding: 'utf8',
    timeout,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return error === undefined && status === 0 ? stdout : undefined;
};

/**
 * Ends a process group.
 * @param {number} leader
 * @param {NodeJS.Signals} signal
 */
export const endGroup = (leader, signal) => {
  try {
    process.kill(-leader, signal);
  } catch {
    // It has ended by itself.
  }
};

/**
 * Ends every running command, lets none begin, and waits until they are gone.
 * @param {number} [patience] milliseconds before a command that does not listen is killed
 * @returns {Promise<void>}
 */
export const endCommands = async (patience = 3000) => {
  closing = true;
  const children = [...running];
  const gone = Promise.all(children.map((child) => new Promise((resolve) => child.once('close', resolve))));
  for (const child of children) if (child.pid !== undefined) endGroup(child.pid, 'SIGTERM');
  const late = setTimeout(() => {
    for (const child of children) if (child.pid !== undefined) endGroup(child.pid, 'SIGKILL');
  }, patience);
  await gone;
  clearTimeout(late);
};
