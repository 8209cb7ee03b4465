import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.js';
import { isAbandoned, markPattern, writerMark } from '../writer.js';
import { manifestText, type Manifest } from './manifest.js';
import { recordBytes, type RecordLayout } from './records.js';

/** The parts of a data set, each as its canonical records in pieces. */
export interface Contents {
  readonly train: Iterable<Uint8Array>;
  readonly test: Iterable<Uint8Array>;
}

/** Flushes a folder's own entries, so that a rename inside it outlives a power cut. */
const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const writeFile = async (path: string, pieces: Iterable<Uint8Array>): Promise<{ bytes: number; md5: string }> => {
  const hash = createHash('md5');
  let bytes = 0;
  const handle = await open(path, 'wx');
  try {
    let waiting: Uint8Array[] = [];
    let waitingBytes = 0;
    const flush = async (): Promise<void> => {
      await handle.writeFile(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting));
      waiting = [];
      waitingBytes = 0;
    };
    for (const piece of pieces) {
      hash.update(piece);
      bytes += piece.length;
      waitingBytes += piece.length;
      waiting.push(piece);
      if (waiting.length >= 256) await flush();
    }
    if (waitingBytes > 0) await flush();
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { bytes, md5: hash.digest('hex') };
};

/**
 * Clears away what a killed process left beside `folder`: drafts (`.part-<mark of the writer>`), and the old folder that had
 * stepped aside (`.old-…`), which returns where the new one never came.
 */
export const sweepLeftovers = async (folder: string): Promise<void> => {
  const parent = dirname(folder);
  const pattern = new RegExp(`^(.+)\\.(part|old)-(${markPattern})$`);
  for (const entry of await readdir(parent).catch((): string[] => [])) {
    const [, name, kind, mark] = pattern.exec(entry) ?? [];
    if (name !== basename(folder) || mark === undefined) continue;
    const status = await stat(join(parent, entry)).catch(() => undefined);
    if (!status || !isAbandoned(mark, status.mtimeMs)) continue;
    if (kind === 'old' && !existsSync(folder)) await rename(join(parent, entry), folder);
    else await rm(join(parent, entry), { recursive: true, force: true });
  }
};

/** What a user can mend of what a file system refuses. */
const mendable: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota is used up',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a file lies where a folder should',
  EEXIST: 'a file lies where a folder should',
};

/**
 * Writes a data set's folder so that it appears whole or not at all: everything is written and flushed in a sibling
 * folder, then renamed.
 *
 * @param path Where it is to be: `data/<name>`. One that is there already is replaced, or kept with `keep`.
 * @throws UserError where the file system refuses what a user can mend (space, rights).
 */
export const writeDataset = async (
  path: string,
  layout: RecordLayout,
  contents: Contents,
  manifest: Omit<Manifest, 'format' | 'height' | 'width' | 'headBytes' | 'train' | 'test'>,
  { keep = false }: { keep?: boolean } = {},
): Promise<Manifest> => {
  // A link to a folder on another disk stays, and that is the disk that is written.
  const folder = await realpath(path).catch(() => path);
  const parent = dirname(folder);
  const draft = sibling(folder, 'part');
  try {
    await mkdir(parent, { recursive: true });
    await sweepLeftovers(folder);
    await mkdir(draft);
    const written = async (part: 'train' | 'test'): Promise<Manifest['train']> => {
      const { bytes, md5 } = await writeFile(join(draft, `${part}.bin`), contents[part]);
      return { records: bytes / recordBytes(layout), bytes, md5 };
    };
    const { name, classes, ...rest } = manifest;
    const whole: Manifest = {
      format: 1,
      name,
      height: layout.height,
      width: layout.width,
      headBytes: layout.headBytes,
      classes,
      train: await written('train'),
      test: await written('test'),
      ...rest,
    };
    await writeFile(join(draft, 'dataset.json'), [Buffer.from(manifestText(whole))]);
    await syncFolder(draft);
    await putInPlace(draft, folder, keep);
    await syncFolder(parent);
    return whole;
  } catch (error) {
    const reason = mendable[(error as NodeJS.ErrnoException).code ?? ''];
    if (reason !== undefined)
      throw new UserError(`${folder} cannot be written: ${reason}. Nothing was changed; mend it and try again.`);
    throw error;
  } finally {
    // What cannot be removed now is swept away next time.
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
  }
};

const sibling = (folder: string, kind: 'part' | 'old'): string => `${folder}.${kind}-${writerMark()}`;

const isThere = (error: unknown): boolean =>
  ['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Moves `draft` to `folder`. */
const putInPlace = async (draft: string, folder: string, keep: boolean): Promise<void> => {
  try {
    await rename(draft, folder);
    return;
  } catch (error) {
    if (!isThere(error)) throw error;
    if (keep) return;
  }
  // A folder that holds files can't be renamed over: the old one steps aside first, and goes only after the new one is
  // there. Where the process dies between the two, `sweepLeftovers` brings it back.
  const old = sibling(folder, 'old');
  await rename(folder, old);
  try {
    await rename(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) await rename(old, folder);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
};
