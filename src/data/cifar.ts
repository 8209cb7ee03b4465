import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.js';
import type { Progress } from '../progress.js';
import { cifarSums } from './cifar-sums.js';
import { locateDamage } from './damage.js';
import { datasetInfo, type DatasetInfo } from './datasets.js';
import { visitMembers } from './members.js';
import { checkLabels, inCanonicalOrder, recordBytes } from './records.js';

/** Where one official file's records go. */
interface OfficialFile {
  readonly file: string;
  readonly part: 'train' | 'test';
  /** Its first record's place in the part. */
  readonly first: number;
  readonly records: number;
}

interface Official {
  /** Folder of the official archive. */
  readonly folder: string;
  readonly files: readonly OfficialFile[];
}

const official: Readonly<Record<'cifar10' | 'cifar100', Official>> = {
  cifar10: {
    folder: 'cifar-10-batches-bin',
    files: [
      ...[1, 2, 3, 4, 5].map((batch): OfficialFile => ({
        file: `data_batch_${batch}.bin`,
        part: 'train',
        first: (batch - 1) * 10_000,
        records: 10_000,
      })),
      { file: 'test_batch.bin', part: 'test', first: 0, records: 10_000 },
    ],
  },
  cifar100: {
    folder: 'cifar-100-binary',
    files: [
      { file: 'train.bin', part: 'train', first: 0, records: 50_000 },
      { file: 'test.bin', part: 'test', first: 0, records: 10_000 },
    ],
  },
};

/** Names that are kept for a hint, at most. */
const mostSeen = 1000;

/** The layout of the canonical files, which CIFAR-100's official one shares. */
const canonicalFiles = official.cifar100.files;

/** Which other data set's file this is, judging by its size. */
const sizeBelongsTo = (size: number): DatasetInfo | undefined =>
  (['cifar10', 'cifar100'] as const)
    .map(datasetInfo)
    .find(({ layout }) => [10_000, 50_000].some((records) => size === records * recordBytes(layout)));

const checkSize = (name: 'cifar10' | 'cifar100', size: number, records: number, where: string): void => {
  const each = recordBytes(datasetInfo(name).layout);
  const wanted = records * each;
  if (size === wanted) return;
  const other = sizeBelongsTo(size);
  if (other && other.name !== name) {
    throw new UserError(
      `${where}: ${size} bytes, the size of a file of ${other.title}, not of ${datasetInfo(name).title} (${wanted} bytes). ` +
        `If it is ${other.title}: \`npx ciard data import ${other.name} …\`.`,
    );
  }
  const record = Math.floor(size / each);
  throw new UserError(
    size < wanted
      ? `${where}: truncated: it ends at byte ${size}, in record ${record}; wanted ${wanted} bytes (${records} records of ${each}). Get it again.`
      : `${where}: goes on after byte ${wanted}, its end (${records} records of ${each} bytes), to byte ${size}. It is corrupt or another data set's.`,
  );
};

/** What lies in a folder, two levels down, for a hint. */
const namesBelow = async (path: string): Promise<string[]> => {
  const inner = async (folder: string): Promise<Dirent[]> => readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of (await inner(path)).slice(0, mostSeen)) {
    found.push(entry.name);
    if (!entry.isDirectory()) continue;
    for (const below of (await inner(join(path, entry.name))).slice(0, mostSeen)) {
      found.push(`${entry.name}/${below.name}`);
      if (!below.isDirectory()) continue;
      for (const last of (await inner(join(path, entry.name, below.name))).slice(0, mostSeen))
        found.push(`${entry.name}/${below.name}/${last.name}`);
    }
  }
  return found;
};

/** What the files that were seen instead are, and what to do. */
const hintOf = (name: 'cifar10' | 'cifar100', path: string, seen: readonly string[], isFolder: boolean): string => {
  const { archive } = datasetInfo(name);
  const other = name === 'cifar10' ? 'cifar100' : 'cifar10';
  const files = seen.map((file) => basename(file));
  /** The folder among `seen` that holds all files of that set. */
  const holder = (of: 'cifar10' | 'cifar100'): string | undefined =>
    [...new Set(seen.map(dirname))].find((folder) =>
      official[of].files.every(({ file }) => seen.includes(folder === '.' ? file : `${folder}/${file}`)),
    );
  const command = (of: 'cifar10' | 'cifar100', inside: string): string =>
    `\`npx ciard data import ${of} ${isFolder ? join(path, inside) : path}\``;
  const own = holder(name);
  if (own !== undefined && isFolder) return ` They are in a folder of it: ${command(name, own)}.`;
  const packed = seen.find((file) => basename(file) === archive!.file);
  if (packed !== undefined && isFolder) return ` It holds the archive: ${command(name, packed)}.`;
  if (
    seen.some((file) => /cifar-100?-(batches-py|python)(\/|\.tar\.gz$|$)/.test(file)) ||
    files.includes('data_batch_1')
  )
    return ` It holds the version for Python; wanted the binary version, ${archive!.file}: \`npx ciard data fetch ${name}\` downloads it.`;
  const foreign = holder(other);
  return foreign === undefined ? '' : ` It holds ${datasetInfo(other).title}: ${command(other, foreign)}.`;
};

/** Says what an archive or folder without the wanted files may be. */
const notFound = async (
  name: 'cifar10' | 'cifar100',
  path: string,
  missing: readonly string[],
  seen: readonly string[],
): Promise<UserError> => {
  const isFolder = (await stat(path)).isDirectory();
  const hint = hintOf(name, path, isFolder ? await namesBelow(path) : seen, isFolder);
  return new UserError(
    `${path}: ${missing.join(', ')} missing; wanted ${datasetInfo(name).title}'s binary version (${official[name].folder}).${hint}`,
  );
};

const md5Of = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

/** At most so many damaged records are named in a message. */
const mostNamed = 3;

/** Names the file and the bytes that are wrong, where the sums on record can tell. */
const describeDamage = (
  name: 'cifar10' | 'cifar100',
  part: 'train' | 'test',
  records: Buffer,
  files: readonly (OfficialFile & { where: string })[],
): string | undefined => {
  const { layout, classNames, canonical } = datasetInfo(name);
  const each = recordBytes(layout);
  const damage = locateDamage(records, layout, cifarSums[name][part], records.length / each / layout.classes);
  if (damage.length === 0) return undefined;
  // The sums name a byte almost for certain; the MD5 of what it would be if mended makes it certain.
  const mended = Buffer.from(records);
  for (const { record, byte } of damage) {
    if (!byte) continue;
    mended[record * each + byte.offset] = byte.wanted;
    if (layout.coarse && byte.offset === layout.headBytes - 1) mended[record * each] = layout.coarse[byte.wanted]!;
  }
  const certain = damage.every(({ byte }) => byte) && md5Of(inCanonicalOrder(mended, layout)) === canonical![part];
  const named = damage.slice(0, mostNamed).map(({ record, byte }) => {
    const { where, first } = files.find((file) => record >= file.first && record < file.first + file.records)!;
    const from = (record - first) * each;
    const label = records[record * each + layout.headBytes - 1]!;
    if (!byte || !certain) {
      return `${where}: record ${record - first} (bytes ${from} to ${from + each - 1}, class ${classNames![label]!}) is no image of the set`;
    }
    const is = `byte ${from + byte.offset} (record ${record - first}) is ${records[record * each + byte.offset]!}, wanted ${byte.wanted}`;
    return byte.offset === layout.headBytes - 1
      ? `${where}: mislabelled: ${is} (${classNames![byte.wanted]!}, not ${classNames![label]!})`
      : `${where}: corrupt: ${is}`;
  });
  const more = damage.length > mostNamed ? `; and ${damage.length - mostNamed} more records` : '';
  return `${named.join('; ')}${more}. Get the archive again.`;
};

/**
 * Reads CIFAR-10 or CIFAR-100 from its official binary archive, another archive of the same files, or their folder; a
 * folder or archive of canonical files is taken as well. The archive's own MD5 does not matter: sizes, labels and the
 * MD5s of the canonical records decide.
 *
 * @returns The canonical records of both parts.
 * @throws UserError naming file and byte: truncated, corrupt, a label out of range, another data set's.
 */
export const readCifar = async (
  name: 'cifar10' | 'cifar100',
  path: string,
  options: { progress?: Progress; signal?: AbortSignal } = {},
): Promise<{ train: Buffer; test: Buffer }> => {
  const { layout, canonical, trainRecords, testRecords } = datasetInfo(name);
  const each = recordBytes(layout);
  const records = { train: Buffer.alloc(trainRecords * each), test: Buffer.alloc(testRecords * each) };
  const seen: string[] = [];
  const read = new Map<string, string>();
  const fileOf = (inside: string): OfficialFile | undefined => {
    const file = basename(inside);
    return [...official[name].files, ...canonicalFiles].find((known) => known.file === file);
  };
  await visitMembers(
    path,
    {
      ...options,
      folder: { name: official[name].folder, depth: 1 },
      largest: 50_000 * 3074,
      // Both parts, and room for what archives hold beside them.
      total: 2 * 60_000 * 3074,
      wanted: (inside, size, where) => {
        if (seen.length < mostSeen) seen.push(inside);
        const file = fileOf(inside);
        if (!file) return false;
        if (read.has(file.file))
          throw new UserError(`${where}: ${file.file} is there twice (also as ${read.get(file.file)!})`);
        checkSize(name, size, file.records, where);
        read.set(file.file, where);
        return true;
      },
    },
    ({ path: inside, contents, where }) => {
      const file = fileOf(inside)!;
      checkLabels(contents, layout, where);
      contents.copy(records[file.part], file.first * each);
    },
  );
  const layouts = [official[name].files, canonicalFiles];
  const complete = layouts.find((files) => files.every(({ file }) => read.has(file)));
  if (!complete) {
    const missing = official[name].files.map(({ file }) => file).filter((file) => !read.has(file));
    throw await notFound(name, path, missing, seen);
  }
  if (read.size > complete.length) {
    throw new UserError(`${path} holds both official batches and canonical files; wanted one of them`);
  }
  const sorted = (part: 'train' | 'test'): Buffer => {
    const bytes = inCanonicalOrder(records[part], layout);
    const md5 = md5Of(bytes);
    if (md5 === canonical![part]) return bytes;
    const files = complete
      .filter((file) => file.part === part)
      .map((file) => ({ ...file, where: read.get(file.file)! }));
    throw new UserError(
      describeDamage(name, part, records[part], files) ??
        `${files.map(({ where }) => where).join(', ')}: sizes and labels fit, but these are not the ${part} images of ` +
          `${datasetInfo(name).title} (canonical MD5 ${md5}, wanted ${canonical![part]}). Get the archive again.`,
    );
  };
  return { train: sorted('train'), test: sorted('test') };
};
