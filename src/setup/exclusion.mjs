import { randomUUID } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import process from 'node:process';
import { endGroup } from './command.mjs';
import { readIfThere } from './step.mjs';

/**
 * One process, told apart from a later one with the same number by its time of start.
 * @typedef {{ pid: number, start: string }} ProcessName
 */

/**
 * What the lock file says: who holds it, and the commands that it runs.
 * @typedef {{ token: string, machine: string, holder: ProcessName, commands: ProcessName[] }} Holding
 */

const heartbeat = 2000;
/** After this many milliseconds without a sign of life a holder on another machine or in another container is given up. */
const silence = 60_000;

/**
 * When process `pid` started, in the kernel's ticks; undefined where there is none.
 * @param {number} pid
 * @returns {string | undefined}
 */
const startOf = (pid) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold spaces and brackets; the start is the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
};

/** @param {number} pid @returns {ProcessName} */
const nameOf = (pid) => ({ pid, start: startOf(pid) ?? '' });

/** @param {ProcessName} name */
const alive = ({ pid, start }) => startOf(pid) === start;

/** The space in which process numbers mean something: this boot of this machine, this container. */
const machine = () => {
  /** @param {() => string} read */
  const attempt = (read) => {
    try {
      return read().trim();
    } catch {
      return '';
    }
  };
  return [
    hostname(),
    attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    attempt(() => readlinkSync('/proc/self/ns/pid')),
  ].join(' ');
};

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
  if (holding.machine === machine()) return !alive(holding.holder);
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
    for (const command of holding.commands) if (alive(command)) endGroup(command.pid, 'SIGKILL');
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
