import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * One process, told apart from a later one with the same number by its time of start.
 * @typedef {{ pid: number, start: string }} ProcessName
 */

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
export const nameOf = (pid) => ({ pid, start: startOf(pid) ?? '' });

/** Whether that process runs, on this machine. @param {ProcessName} name */
export const isAlive = ({ pid, start }) => startOf(pid) === start;

/** The space in which process numbers mean something: this boot of this machine, this container. */
export const machine = () => {
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
