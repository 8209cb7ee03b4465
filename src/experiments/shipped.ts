import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { md5OfFile } from '../data/md5.js';
import { repositoryRoot } from '../data/location.js';
import { dvcPush, type DvcOptions } from '../dvc/dvc.js';
import { messageOf, UserError } from '../errors.js';
import type { CellId } from '../results/cell.js';
import { bestFile } from '../training/run-folder.js';
import { isUnderWay } from '../training/run-state.js';
import { copyWhole, holdsWeights, restoreWeights, weightsFolder } from './network-files.js';
import { readNetworkFile } from './pipeline-settings.js';
import { recordOf, runFolder, type Places } from './places.js';

/** The remote that DVC pulls from where none is named: a folder of this repository (`.dvc/config`). */
const shippedFolder = 'checkpoints';

const lockSchema = z.object({
  stages: z.record(z.string(), z.object({ outs: z.array(z.object({ path: z.string(), md5: z.string() })).optional() })),
});
const entriesSchema = z.array(z.object({ md5: z.string(), relpath: z.string() }));

/** A checkpoint that DVC has recorded. */
export interface ShippedFile {
  /** In the repository: 'results/students/synthetic-quick/networks/ciard-resnet18-s0/weights/student.safetensors'. */
  readonly path: string;
  /** Where it lies in the remote, in the repository too; null where the remote does not know its folder. */
  readonly stored: string | null;
  /**
   * `whole`: as recorded, in the remote. `not shipped`: the remote does not have it. `damaged`: what the remote has is
   * something else. `changed`: the remote's is whole, but not the one in its place.
   */
  readonly state: 'whole' | 'not shipped' | 'damaged' | 'changed';
}

/** Where a remote keeps a file of this MD5. */
const storedAt = (md5: string): string => join(shippedFolder, 'files', 'md5', md5.slice(0, 2), md5.slice(2));

/** Files of this name in the folders of pipelines, two below `results`. */
const pipelineFiles = async (root: string, name: string): Promise<string[]> => {
  const results = join(root, 'results');
  if (!existsSync(results)) return [];
  const found: string[] = [];
  for (const grid of (await readdir(results)).sort()) {
    const folders = await readdir(join(results, grid)).catch(() => []);
    for (const folder of folders.sort()) {
      const file = join(results, grid, folder, name);
      if (existsSync(file)) found.push(file);
    }
  }
  return found;
};

/** Pipelines of which DVC has locked nothing. */
const unlockedPipelines = async (root: string): Promise<string[]> =>
  (await pipelineFiles(root, 'dvc.yaml')).filter((file) => !existsSync(join(file, '..', 'dvc.lock')));

/** The folders of weights that DVC has recorded: their path in the repository, and the MD5 of their list. */
const weightsIn = async (root: string): Promise<{ readonly path: string; readonly md5: string }[]> => {
  const found = [];
  for (const lock of await pipelineFiles(root, 'dvc.lock')) {
    const parsed = lockSchema.safeParse(parse(await readFile(lock, 'utf8')));
    if (!parsed.success) throw new UserError(`${lock}: it is not understood:\n${z.prettifyError(parsed.error)}`);
    for (const { outs = [] } of Object.values(parsed.data.stages)) {
      for (const { path, md5 } of outs) {
        if (path.endsWith('/weights')) found.push({ path: join(relative(root, lock), '..', path), md5 });
      }
    }
  }
  return found;
};

/** A file of the remote against the MD5 that it is named by. */
const storedState = async (root: string, md5: string): Promise<'whole' | 'not shipped' | 'damaged'> => {
  const file = join(root, storedAt(md5));
  if (!existsSync(file)) return 'not shipped';
  return (await md5OfFile(file)) === md5.replace(/\.dir$/, '') ? 'whole' : 'damaged';
};

/**
 * Every checkpoint that DVC has recorded, with what has become of it in the remote and in its place. A folder whose list is
 * damaged or absent stands for its files.
 * @param isWanted which folders of weights are looked at
 */
export const shippedFiles = async (
  root: string = repositoryRoot(),
  isWanted: (folder: { readonly path: string }) => boolean = () => true,
): Promise<ShippedFile[]> => {
  const files: ShippedFile[] = [];
  for (const { path, md5 } of (await weightsIn(root)).filter(isWanted)) {
    const list = await storedState(root, md5);
    if (list !== 'whole') {
      files.push({ path, stored: list === 'damaged' ? storedAt(md5) : null, state: list });
      continue;
    }
    let entries;
    try {
      entries = entriesSchema.parse(JSON.parse(await readFile(join(root, storedAt(md5)), 'utf8')));
    } catch (error) {
      throw new UserError(`${storedAt(md5)}: it is no list of files (${messageOf(error)}).`);
    }
    for (const { relpath, md5: own } of entries) {
      const file = join(path, relpath);
      const stored = await storedState(root, own);
      const here = join(root, file);
      const isChanged = stored === 'whole' && existsSync(here) && (await md5OfFile(here)) !== own;
      files.push({ path: file, stored: storedAt(own), state: isChanged ? 'changed' : stored });
    }
  }
  return files;
};

/** The folder of the network that a training left, among those that DVC knows below `results`. */
const networkFolderOf = async ({ results }: Places, id: CellId): Promise<string | undefined> => {
  const foldersIn = async (folder: string): Promise<string[]> =>
    (await readdir(folder).catch(() => [])).sort().map((name) => join(folder, name));
  for (const grid of await foldersIn(results)) {
    for (const setting of await foldersIn(grid)) {
      for (const network of await foldersIn(join(setting, 'networks'))) {
        if (!existsSync(join(network, 'network.json')) || basename(network) === 'none') continue;
        if ((await readNetworkFile(network)).training === id) return network;
      }
    }
  }
  return undefined;
};

/**
 * Puts the weights of a training into the folder of its run, where they are not there already, whole and those of its record: from the folder that DVC keeps
 * of the network, or straight from the remote in the repository, without DVC's lock.
 * @param root the repository that `places.results` is of
 * @returns whether they are there now
 * @throws UserError that names a file whose content is not what was recorded, here or in the remote
 */
export const restoreTrained = async (places: Places, id: CellId, root = repositoryRoot()): Promise<boolean> => {
  const run = runFolder(places, id);
  // One that is trained again, and is not at its end.
  if (await isUnderWay(run)) return false;
  const known = (await recordOf(places, id))?.training ?? null;
  if (known === null ? existsSync(bestFile(run)) : await holdsWeights(run, known)) return true;
  const folder = await networkFolderOf(places, id);
  if (folder === undefined) return false;
  const { student, robustTeacher } = await readNetworkFile(folder);
  const sums = { checkpoint: student, teacherCheckpoint: robustTeacher };
  if (await restoreWeights(run, folder, sums)) return true;
  const weights = relative(root, weightsFolder(folder));
  for (const { path, stored, state } of await shippedFiles(root, ({ path: each }) => each === weights)) {
    if (state === 'damaged') {
      throw new UserError(
        `${path}: what is shipped of it, ${stored}, is damaged. "git checkout -- ${stored}" brings it back; where it is ` +
          'removed, the network is trained again.',
      );
    }
    if (stored === null || state === 'not shipped') return false;
    await copyWhole(join(root, stored), join(root, path));
  }
  return restoreWeights(run, folder, sums);
};

/**
 * Puts the weights that DVC has recorded into the repository's own remote, and takes away what no table has any more.
 * @throws DvcError
 */
export const shipCheckpoints = async (options: DvcOptions = {}): Promise<readonly ShippedFile[]> => {
  const { root = repositoryRoot() } = options;
  const folders = await weightsIn(root);
  if (folders.length === 0) throw new UserError('there is nothing to ship: "npx ciard pipeline record" comes first.');
  await dvcPush(
    folders.map(({ path }) => path),
    { ...options, root },
  );
  const files = await shippedFiles(root);
  // What is unwanted is known only where every pipeline is locked and every list of files is whole.
  const isKnown = files.every(({ state }) => state === 'whole' || state === 'changed');
  if (!isKnown || (await unlockedPipelines(root)).length > 0) return files;
  const wanted = new Set([
    ...folders.map(({ md5 }) => storedAt(md5)),
    ...files.flatMap(({ stored }) => (stored === null ? [] : [stored])),
  ]);
  const store = join(root, shippedFolder, 'files', 'md5');
  for (const two of await readdir(store)) {
    for (const name of await readdir(join(store, two))) {
      if (!wanted.has(storedAt(two + name))) await rm(join(store, two, name), { force: true });
    }
  }
  return files;
};
