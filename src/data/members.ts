import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { crc32, createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { messageOf, UserError } from '../errors.js';
import { checkpointInterrupt, interruptSignal } from '../interruption.js';
import { silentProgress, type Progress } from '../progress.js';
import { standInBytes, standInFor } from '../stand-in.js';
import { openZip, type ZipEntry } from '../zip.js';

/** One file of an archive or a folder. */
export interface Member {
  /** Its path inside the archive or folder: relative, '/' between the parts. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** How a message names it. */
  readonly where: string;
  readonly contents: Buffer;
}

export interface VisitOptions {
  /** Which files are read; the others are passed over. Throws a UserError where it can tell that something is wrong. */
  readonly wanted: (path: string, size: number, where: string) => boolean;
  /** No wanted file is larger, in bytes. */
  readonly largest: number;
  /** The archive holds no more than this in all, in bytes, once decompressed. */
  readonly total: number;
  /** The folder of the official layout, looked for inside a folder that is given; and how deep files lie in it. */
  readonly folder: { readonly name: string; readonly depth: number };
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

type Visit = (member: Member) => void | Promise<void>;

/** More files than any data set known here has. */
const mostMembers = 250_000;

/**
 * Refuses what a well-meant archive never holds. Nothing is ever extracted to disk, so none of this could write anywhere;
 * an archive that tries is not the one that was asked for.
 */
const admit = (archive: string) => {
  const seen = new Set<string>();
  return (path: string): string => {
    const clean = path.replace(/^(\.\/)+/, '');
    const hostile =
      clean.startsWith('/') || /^[A-Za-z]:/.test(clean) || /[\\\0]/.test(clean) || clean.split('/').includes('..');
    if (hostile)
      throw new UserError(`${archive}: member ${JSON.stringify(path)} points outside the archive; it is refused`);
    if (seen.has(clean))
      throw new UserError(`${archive}: member ${JSON.stringify(path)} is there twice; the archive is refused`);
    seen.add(clean);
    if (seen.size > mostMembers)
      throw new UserError(`${archive}: more than ${mostMembers} members; the archive is refused`);
    return clean;
  };
};

const tooLarge = (where: string, size: number, largest: number): UserError =>
  new UserError(`${where}: ${size} bytes, and no file of this data set has more than ${largest}; it is refused`);

const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);

const fileTypes = new Set(['File', 'OldFile', 'ContiguousFile']);

/** The files of a tar archive, gzip or plain, as they pass by. */
const visitTar = async (
  path: string,
  gzip: boolean,
  { wanted, largest, total, progress = silentProgress, signal = interruptSignal() }: VisitOptions,
  visit: Visit,
): Promise<void> => {
  const name = basename(path);
  const admitted = admit(name);
  const bytes = (await stat(path)).size;
  // Told what the archive is: it would inflate by itself whatever looks like another compression.
  const parser = new Parser({ brotli: false, zstd: false });
  // A visit may take longer than its file takes to arrive: the next bytes are read when it is done.
  const visits: Promise<void>[] = [];
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
  };
  let inflated = 0;
  parser.on('warn', (_code: string, message: string | Error) => {
    fail(new UserError(`${name}: no sound tar archive near byte ${inflated} of its contents: ${messageOf(message)}`));
  });
  const isRead = (entry: ReadEntry, inside: string, where: string): boolean => {
    if (entry.type === 'Directory') return false;
    if (!fileTypes.has(entry.type)) {
      throw new UserError(
        `${where} is a ${entry.type}, and only files and folders belong there; the archive is refused`,
      );
    }
    if (entry.size > total) throw tooLarge(where, entry.size, largest);
    if (!wanted(inside, entry.size, where)) return false;
    if (entry.size > largest) throw tooLarge(where, entry.size, largest);
    return true;
  };
  parser.on('entry', (entry: ReadEntry) => {
    entry.on('error', fail);
    let inside = '';
    let where = '';
    let read = false;
    try {
      if (failure === undefined) {
        inside = admitted(entry.path);
        where = `${name}: ${inside}`;
        read = isRead(entry, inside, where);
      }
    } catch (error) {
      fail(error);
    }
    if (!read) {
      // Drained all the same, or the parser waits for ever.
      entry.resume();
      return;
    }
    const contents = Buffer.allocUnsafe(entry.size);
    let filled = 0;
    entry.on('data', (chunk: Buffer) => {
      filled += chunk.copy(contents, filled);
    });
    entry.on('end', () => {
      if (filled < contents.length || failure !== undefined) return;
      visits.push((async () => visit({ path: inside, size: contents.length, where, contents }))());
    });
  });
  const source = createReadStream(path);
  const gunzip = gzip ? createGunzip() : undefined;
  if (gunzip) source.on('error', (error) => gunzip.destroy(error));
  const stream: AsyncIterable<Buffer> = gunzip ? source.pipe(gunzip) : source;
  let first = '';
  try {
    for await (const chunk of stream) {
      if (first.length < 4) first += chunk.toString('hex', 0, 2);
      if (first.startsWith('1f8b')) {
        throw new UserError(`${name} is a gzip file inside a gzip file; wanted a tar.gz`);
      }
      inflated += chunk.length;
      if (inflated > total) {
        throw new UserError(
          `${name}: more than ${total} bytes once decompressed, which this data set has not; it is refused`,
        );
      }
      parser.write(chunk);
      await Promise.all(visits.splice(0));
      if (failure !== undefined) break;
      progress({
        task: `read ${name} (MB)`,
        done: Math.min(megabytes(source.bytesRead), megabytes(bytes) - 1),
        total: megabytes(bytes),
      });
      await checkpointInterrupt(signal);
    }
    if (failure === undefined) parser.end();
    await Promise.all(visits.splice(0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!code.startsWith('Z_')) throw error;
    const at = code === 'Z_BUF_ERROR' ? bytes : (gunzip?.bytesWritten ?? 0);
    const what = code === 'Z_BUF_ERROR' ? 'ends too early (truncated)' : `is corrupt (${messageOf(error)})`;
    throw new UserError(`${name}: the gzip data ${what} at or before byte ${at} of ${bytes}; get it again`);
  } finally {
    source.destroy();
    gunzip?.destroy();
    await Promise.allSettled(visits);
  }
  if (failure !== undefined) throw failure instanceof Error ? failure : new Error(messageOf(failure));
  progress({ task: `read ${name} (MB)`, done: megabytes(bytes), total: megabytes(bytes) });
};

/** Unix file type bits of a zip entry that was made on Unix; 0 elsewhere. */
const unixType = ({ versionMadeBy, externalFileAttributes }: ZipEntry): number =>
  versionMadeBy >>> 8 === 3 ? (externalFileAttributes >>> 28) & 0xf : 0;

/** The files of a zip archive, in the order of its directory. */
const visitZip = async (
  path: string,
  { wanted, largest, total, progress = silentProgress, signal = interruptSignal() }: VisitOptions,
  visit: Visit,
): Promise<void> => {
  const name = basename(path);
  const admitted = admit(name);
  const broken = (error: unknown): UserError =>
    error instanceof UserError
      ? error
      : new UserError(`${name}: no sound zip archive: ${messageOf(error)}; get it again`);
  const file = await open(path);
  try {
    const zip = await openZip(file, (await file.stat()).size).catch((error: unknown) => {
      throw broken(error);
    });
    let inflated = 0;
    let entries = 0;
    const iterator = zip.entries()[Symbol.asyncIterator]();
    for (;;) {
      const next = await iterator.next().catch((error: unknown) => {
        throw broken(error);
      });
      if (next.done === true) break;
      const entry = next.value;
      const inside = admitted(entry.fileName);
      const where = `${name}: ${inside}`;
      const type = unixType(entry);
      // 8 is a file, 4 a folder, 0 unsaid.
      if (type !== 0 && type !== 8 && type !== 4) {
        throw new UserError(
          `${where} is a link or a device, and only files and folders belong there; the archive is refused`,
        );
      }
      entries++;
      if (inside.endsWith('/')) continue;
      if (!wanted(inside, entry.uncompressedSize, where)) continue;
      if (entry.uncompressedSize > largest) throw tooLarge(where, entry.uncompressedSize, largest);
      inflated += entry.uncompressedSize;
      if (inflated > total)
        throw new UserError(`${name}: more than ${total} bytes, which this data set has not; it is refused`);
      if (entry.isEncrypted()) throw new UserError(`${where} is encrypted; wanted the archive as it is published`);
      const contents = await zip.read(entry).catch((error: unknown) => {
        throw new UserError(
          `${where} (at byte ${entry.relativeOffsetOfLocalHeader} of the archive) is truncated or corrupt: ${messageOf(error)}; get it again`,
        );
      });
      if (crc32(contents) !== entry.crc32) {
        throw new UserError(
          `${where} (at byte ${entry.relativeOffsetOfLocalHeader} of the archive) is corrupt: its checksum is not the stated one; get it again`,
        );
      }
      await visit({ path: inside, size: contents.length, where, contents });
      if (entries % 64 === 0) {
        progress({ task: `read ${name}`, done: Math.min(entries, zip.entryCount - 1), total: zip.entryCount });
        await checkpointInterrupt(signal);
      }
    }
    progress({ task: `read ${name}`, done: zip.entryCount, total: zip.entryCount });
  } finally {
    await file.close();
  }
};

/** What macOS adds to archives and drives: a shadow '._name' of each file, a folder of them. */
const isOfMacos = (path: string): boolean => /(^|\/)(\._[^/]*|\.DS_Store)$|(^|\/)__MACOSX\//.test(path);

/** The files below a folder, in the order of their names. Links are followed: it is the user's own folder. */
const visitFolder = async (
  path: string,
  { wanted, largest, folder, progress = silentProgress, signal = interruptSignal() }: VisitOptions,
  visit: Visit,
): Promise<void> => {
  const isFolder = async (at: string): Promise<boolean> =>
    (await stat(at).catch(() => undefined))?.isDirectory() ?? false;
  const inner = join(path, folder.name);
  const base = (await isFolder(inner)) ? inner : path;
  const found: string[] = [];
  const walk = async (inside: string, depth: number): Promise<void> => {
    const entries = await readdir(join(base, inside), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const at = inside === '' ? entry.name : `${inside}/${entry.name}`;
      const directory = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(base, at))));
      if (!directory) found.push(at);
      else if (depth > 1) await walk(at, depth - 1);
      if (found.length > mostMembers)
        throw new UserError(`${base}: more than ${mostMembers} files; wanted ${folder.name}`);
    }
  };
  await walk('', folder.depth);
  const task = `read ${basename(base)}`;
  for (const [i, inside] of found.entries()) {
    const at = join(base, inside);
    const { size } = await stat(at);
    if (wanted(inside, size, at)) {
      if (size > largest) throw tooLarge(at, size, largest);
      await visit({ path: inside, size, where: at, contents: await readFile(at) });
    }
    if (i % 64 === 0 || found.length < 64) {
      progress({ task, done: i, total: found.length });
      await checkpointInterrupt(signal);
    }
  }
  if (found.length > 0) progress({ task, done: found.length, total: found.length });
};

/**
 * Calls `visit` with every wanted file of an archive (tar.gz, tar, zip: told by its first bytes, not by its name) or of a
 * folder. What macOS adds is passed over. Nothing is written to disk.
 *
 * @throws UserError, naming the file and, where it can be told, the byte: absent, of another kind, truncated, corrupt, or
 * holding what no archive of a data set holds (members outside the archive, links, devices, duplicates, giants).
 * @throws InterruptedError
 */
export const visitMembers = async (path: string, given: VisitOptions, visit: Visit): Promise<void> => {
  const options: VisitOptions = {
    ...given,
    wanted: (inside, size, where) => !isOfMacos(inside) && given.wanted(inside, size, where),
  };
  const unreadable = (error: unknown): UserError => new UserError(`${path} can't be read: ${messageOf(error)}`);
  const found = await stat(path).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? new UserError(`${path}: no such file or folder`)
      : unreadable(error);
  });
  if (found.isDirectory()) return visitFolder(path, options, visit);
  if (!found.isFile()) throw new UserError(`${path} is neither a file nor a folder; wanted an archive or a folder`);
  const head = Buffer.alloc(standInBytes);
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(error);
  });
  const { bytesRead } = await file.read(head, 0, head.length, 0).finally(() => file.close());
  const standIn = standInFor(head.subarray(0, bytesRead));
  if (standIn !== undefined) throw new UserError(`${path} is no archive: ${standIn}`);
  if (head.readUInt16BE(0) === 0x1f8b) return visitTar(path, true, options, visit);
  if (head.readUInt32BE(0) === 0x504b0304 || head.readUInt32BE(0) === 0x504b0506) return visitZip(path, options, visit);
  if (head.toString('latin1', 257, 262) === 'ustar') return visitTar(path, false, options, visit);
  throw new UserError(
    `${path}: wanted a tar.gz, tar or zip archive or a folder; this file of ${found.size} bytes begins with ` +
      head.toString('hex', 0, Math.min(bytesRead, 8)),
  );
};
