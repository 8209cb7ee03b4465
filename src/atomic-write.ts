import { existsSync, type Stats } from 'node:fs';
import { lstat, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, UserError } from './errors.js';
import { isAbandoned, markPattern, writerMark } from './writer.js';

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** What a file system refuses, in words, and what can be done. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'its folder is not there. Make the folder, or name another',
  ENOTDIR: 'a file lies where a folder should. Name another place',
  EACCES: 'this user may not write there. Change the rights, or name another place',
  EPERM: 'this user may not write there. Change the rights, or name another place',
  EROFS: 'the file system is read-only. Name another place',
  ENOSPC: 'no space is left. Make room, or name another place',
  EDQUOT: 'the quota is used up. Make room, or name another place',
};

const cannotWrite = (path: string, error: unknown): UserError =>
  error instanceof UserError
    ? error
    : new UserError(`${path} can't be written: ${reasons[codeOf(error)] ?? messageOf(error)}.`);

const kindOf = (status: Stats): string =>
  status.isDirectory() ? 'a folder' : status.isFIFO() ? 'a pipe' : status.isSocket() ? 'a socket' : 'a device';

/** Links to links: more are a circle. */
const mostLinks = 40;

/**
 * The file that a write to `path` makes or replaces. Links are followed, so that they stay what they are.
 * @throws UserError where something lies there that is no regular file: a folder, a device, a pipe, a socket. To rename
 *   over one takes it away; the superuser may, `/dev/stdout` included.
 */
const targetOf = async (path: string): Promise<string> => {
  const refuse = (what: string): UserError =>
    new UserError(`${path} can't be written: ${what}, and only files are replaced. Name a file.`);
  if (path.endsWith('/')) throw refuse('it names a folder');
  let at = resolve(path);
  for (let links = 0; links < mostLinks; links++) {
    const folder = await realpath(dirname(at));
    // What lies there leads to what is open, such as the file that a shell writes the output to.
    if (folder === '/dev' || /^\/proc(\/|$)/.test(folder)) throw refuse(`${folder} holds devices`);
    at = join(folder, basename(at));
    const status = await lstat(at).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (!status || status.isFile()) return at;
    if (!status.isSymbolicLink()) throw refuse(`it is ${kindOf(status)}`);
    at = resolve(folder, await readlink(at));
  }
  throw refuse('it is a link that leads nowhere');
};

/** Where `target` is written before it is renamed. */
const draftOf = (target: string): string => join(dirname(target), `.${basename(target)}.${writerMark()}.tmp`);

/** Removes what writers of `target` that were killed have left beside it. */
const removeLeftovers = async (target: string): Promise<void> => {
  const prefix = `.${basename(target)}.`;
  const pattern = new RegExp(`^(${markPattern})\\.tmp$`);
  for (const entry of await readdir(dirname(target))) {
    const mark = entry.startsWith(prefix) ? pattern.exec(entry.slice(prefix.length))?.[1] : undefined;
    if (mark === undefined) continue;
    const path = join(dirname(target), entry);
    // Another writer may have removed it meanwhile.
    const status = await stat(path).catch(() => undefined);
    if (status && isAbandoned(mark, status.mtimeMs)) await rm(path, { force: true });
  }
};

/** Whether a file can be made in `folder`: asked by making one, for rights alone don't say (quotas, network drives). */
const tryFolder = async (folder: string): Promise<void> => {
  const draft = draftOf(join(folder, 'ciard'));
  await (await open(draft, 'wx')).close();
  await rm(draft, { force: true });
};

/**
 * Proves that `writeAtomically` can write the file `path`, as far as that can be known before: long work calls it first.
 * Nothing is changed.
 * @throws UserError where its folder is absent or can't be written, or `path` is there and is no regular file
 */
export const checkWritable = async (path: string): Promise<void> => {
  try {
    await tryFolder(dirname(await targetOf(path)));
  } catch (error) {
    throw cannotWrite(path, error);
  }
};

/**
 * Proves that the folder `path` can be made, or is there, and takes files. Nothing is changed.
 * @throws UserError where it or the folder around it can't be written, or a file lies where a folder should
 */
export const checkFolderWritable = async (path: string): Promise<void> => {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    try {
      await tryFolder(folder);
      return;
    } catch (error) {
      // The nearest folder that is there decides.
      if (codeOf(error) !== 'ENOENT') throw cannotWrite(path, error);
      if (existsSync(folder)) throw new UserError(`${path} can't be written: ${folder} takes no files. Name another.`);
    }
  }
};

/**
 * Writes `pieces`, one after the other, as the file `path`: first whole and flushed to the disk under another name in the
 * same folder, then renamed. At every moment, a power cut included, `path` is the old file or the new one, never a part.
 * @throws UserError where the folder is absent or can't be written, the disk is full, or `path` is there and is no regular
 *   file
 */
export const writeAtomically = async (path: string, pieces: readonly (Uint8Array | string)[]): Promise<void> => {
  let draft: string | undefined;
  try {
    const target = await targetOf(path);
    await removeLeftovers(target);
    draft = draftOf(target);
    const file = await open(draft, 'wx');
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, target);
    // The rename itself is durable only when the folder is.
    const handle = await open(dirname(target), 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (draft !== undefined) await rm(draft, { force: true }).catch(() => undefined);
    throw cannotWrite(path, error);
  }
};
