import { createHash, randomBytes } from 'node:crypto';
import { isAlive, machine, nameOf } from './setup/process-name.mjs';

/** Milliseconds after which what was left by another machine's process counts as abandoned: nobody writes a file for a day. */
const patience = 24 * 3600 * 1000;

/** Short, and good for a file's name. */
const machineTag = (): string => createHash('sha256').update(machine()).digest('hex').slice(0, 8);

/**
 * A mark for the name of what this process is writing, another one at each call. It says who writes: the machine (this
 * boot of it, this container), the process and when that started; a folder may be shared by machines, and numbers of
 * processes come again.
 */
export const writerMark = (): string => {
  const { pid, start } = nameOf(process.pid);
  return `${machineTag()}-${pid}-${start}-${randomBytes(4).toString('hex')}`;
};

/** What `writerMark` gives, as the source of a pattern. */
export const markPattern = '[0-9a-f]{8}-\\d+-\\d*-[0-9a-f]{8}';

/**
 * Whether who left a file under that mark is gone: certain where it ran here; where it ran elsewhere its number means
 * nothing here, and it is given up after a day.
 * @param modified when the file was last changed, in milliseconds since 1970
 */
export const isAbandoned = (mark: string, modified: number): boolean => {
  const [tag, pid, start = ''] = mark.split('-');
  return tag === machineTag() ? !isAlive({ pid: Number(pid), start }) : Date.now() - modified > patience;
};
