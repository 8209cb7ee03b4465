import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { endGroup } from './command.mjs';
import { isAlive, machine, nameOf } from './process-name.mjs';
import { readIfThere } from './step.mjs';

/** @import { ProcessName } from './process-name.mjs' */

/**
 * What the lock file says: who holds it, and the commands that it runs.
 * @typedef {{ token: string, machine: string, holder: ProcessName, commands: ProcessName[] }} Holding
 */

const heartbeat = 2000;
/** After this many milliseconds without a sign of life a holder on another machine or in another container is given up. */
const silence = 60_000;

/** What an unreadable lock file counts as: held by nobody known, so given up after its silence. */
const nobody = { token: '', machine: '', holder: { pid: 0, start: '' }, commands: [] };

/**
 * @param {string} file
 * @returns {Holding | undefined} undefined where there is no such file
 */
const read = (file) => {
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    /** @type {unknown} */
    const holding = JSON.parse(text);
    return /** @type {Holding} */ (holding);
  } catch {
    return nobody;
  }
};

/**
 * Whether the holder of `file` is gone: certain where it ran here, by its silence where it ran elsewhere.
 * @param {string} file
 * @param {Holding} holding
 */
const abandoned = (file, holding) => {
  if (holding.machine === machine()) return !isAlive(holding.holder);
  try {
    return Date.now() - statSync(file).mtimeMs > silence;
  } catch {
    return false;
  }
};

/**
 * Takes an abandoned lock away and ends the commands that its holder left behind (a holder that was killed could not).
 * Two that come at once must not take away each other's new lock: the file is renamed, looked at, and put back if it is
 * another one than was judged.
 * @param {string} file
 * @param {Holding} judged
 */
const takeAway = (file, judged) => {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const holding = read(aside);
  if (holding?.token !== judged.token) {
    try {
      linkSync(aside, file);
    } catch {
      // A third one has it now.
    }
  } else if (holding.machine === machine()) {
    for (const command of holding.commands) if (isAlive(command)) endGroup(command.pid, 'SIGKILL');
  }
  rmSync(aside, { force: true });
};

/**
 * Waits until no other process holds `file`, then holds it.
 * @param {string} file
 * @param {{ onWait?: (pid: number) => void, poll?: number }} [options] `onWait` is told once whom we wait for
 * @returns {Promise<{ commands: (pids: number[]) => void, release: () => void }>} `commands` notes the commands that run,
 *   for whoever finds the lock abandoned
 */
export const holdAlone = async (file, { onWait = () => undefined, poll = 250 } = {}) => {
  mkdirSync(dirname(file), { recursive: true });
  /** @type {Holding} */
  const own = { token: randomUUID(), machine: machine(), holder: nameOf(process.pid), commands: [] };
  const draft = `${file}.${process.pid}.new`;
  const write = () => {
    writeFileSync(draft, JSON.stringify(own));
  };
  let told = false;
  for (;;) {
    write();
    try {
      linkSync(draft, file);
      break;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    const holding = read(file);
    if (holding === undefined) continue;
    if (abandoned(file, holding)) {
      takeAway(file, holding);
      continue;
    }
    if (!told) onWait(holding.holder.pid);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, poll));
  }
  const beat = setInterval(() => {
    try {
      const now = new Date();
      utimesSync(file, now, now);
    } catch {
      // Someone removed the folder; the steps will say so.
    }
  }, heartbeat);
  beat.unref();
  return {
    commands(pids) {
      if (read(file)?.token !== own.token) return;
      own.commands = pids.map(nameOf);
      write();
      renameSync(draft, file);
    },
    release() {
      clearInterval(beat);
      if (read(file)?.token === own.token) rmSync(file, { force: true });
    },
  };
};
