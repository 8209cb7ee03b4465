import { existsSync } from 'node:fs';
import { mkdir, readdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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

const isEmpty = async (folder: string): Promise<boolean> => (await readdir(folder).catch(() => ['?'])).length === 0;

/** Removes `folder` and the folders around it that were made for it, as far as they are empty. */
const removeMade = async (folder: string, outermost: string): Promise<void> => {
  for (let at = resolve(folder); at.startsWith(resolve(outermost)); at = dirname(at)) {
    if (!(await isEmpty(at))) return;
    await rmdir(at);
  }
};

/**
 * Has `work` done in `folder`, which is made where it is absent, by one process at a time. What was made for it and is
 * empty when the work fails goes again.
 * @throws UserError where the folder can't be made or written, or another process works in it, and says which
 */
export const withRunFolder = async <R>(folder: string, work: () => Promise<R>): Promise<R> => {
  if (existsSync(folder) && !(await stat(folder)).isDirectory()) {
    throw new UserError(`${folder} is a file, but a run needs a folder of its own: name another one.`);
  }
  let made: string | undefined;
  try {
    made = await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`${folder} can't be made: ${messageOf(error)}. Name a place that can be written.`);
  }
  try {
    const hold = await holdAlone(join(folder, '.running.json'), `the run folder ${folder}`);
    try {
      return await work();
    } finally {
      await hold.release();
    }
  } catch (error) {
    if (made !== undefined) await removeMade(folder, made);
    throw error;
  }
};
