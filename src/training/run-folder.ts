import { existsSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkFolderWritable } from '../atomic-write.js';
import { messageOf, UserError } from '../errors.js';
import { holdAlone } from '../exclusive.js';

/** Where a run keeps its student: after the last epoch, and after the one that selection chose. */
export const lastFile = (folder: string): string => join(folder, 'last.safetensors');
export const bestFile = (folder: string): string => join(folder, 'best.safetensors');
/** The robust teacher of a method that trains it, after the last epoch. */
export const teacherFile = (folder: string): string => join(folder, 'robust-teacher.safetensors');
/** What a run goes on from. */
export const stateFile = (folder: string): string => join(folder, 'state.safetensors');
export const metricsFolder = (folder: string): string => join(folder, 'dvclive');

/**
 * Makes `folder` and those around it that are missing. One by one: Node's own recursion never ends where a file system
 * like /proc denies that there is a place.
 * @param made is told which were made, outermost first
 */
const makeFolder = async (folder: string, made: string[]): Promise<void> => {
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const at of missing) {
    try {
      await mkdir(at);
      made.push(at);
    } catch (error) {
      // Another process may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new UserError(`${folder} can't be made: ${messageOf(error)}. Name a place that can be written.`);
    }
  }
};

/** Removes the folders that were made, innermost first, as far as they are empty. */
const removeEmpty = async (made: readonly string[]): Promise<void> => {
  try {
    for (const folder of [...made].reverse()) await rmdir(folder);
  } catch {
    // One of them holds something by now: it stays, with those around it.
  }
};

/**
 * Has `work` done in `folder`, which is made where it is absent, by one process at a time. What was made for it and is
 * empty when the work fails goes again.
 * @throws UserError where the folder can't be made or written, or another process works in it, and says which
 */
export const withRunFolder = async <R>(folder: string, work: () => Promise<R>): Promise<R> => {
  await checkFolderWritable(folder);
  const made: string[] = [];
  try {
    await makeFolder(folder, made);
    const hold = await holdAlone(join(folder, '.running.json'), `the run folder ${folder}`);
    try {
      return await work();
    } finally {
      await hold.release();
    }
  } catch (error) {
    await removeEmpty(made);
    throw error;
  }
};
