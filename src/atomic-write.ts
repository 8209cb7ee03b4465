import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, UserError } from './errors.js';

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Removes what writers of `name` that were killed have left in `folder`. */
const removeLeftovers = async (folder: string, name: string): Promise<void> => {
  for (const entry of await readdir(folder)) {
    const pid = entry.startsWith(`.${name}.`)
      ? /^(\d+)-[0-9a-f]{8}\.tmp$/.exec(entry.slice(name.length + 2))?.[1]
      : undefined;
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, entry), { force: true });
  }
};

/**
 * Writes `pieces`, one after the other, as the file `path`: first whole and flushed to the disk under another name in the
 * same folder, then renamed. At every moment, a power cut included, `path` is the old file or the new one, never a part.
 * @throws UserError where the folder is absent or can't be written, or the disk is full
 */
export const writeAtomically = async (path: string, pieces: readonly (Uint8Array | string)[]): Promise<void> => {
  const folder = dirname(path);
  const name = basename(path);
  const temporary = join(folder, `.${name}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  try {
    await removeLeftovers(folder, name);
    const file = await open(temporary, 'wx');
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    // The rename itself is durable only when the folder is.
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new UserError(
      `${path} can't be written: ${messageOf(error)}. Make sure that its folder exists and has room.`,
    );
  }
};
