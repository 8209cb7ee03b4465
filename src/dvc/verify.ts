import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { datasetInfo, datasetNames, howToGet, type DatasetName } from '../data/datasets.js';
import { repositoryRoot } from '../data/location.js';
import { dataFiles, readManifest } from '../data/manifest.js';
import { recordBytes } from '../data/records.js';
import { dvcExecutable, dvcStatus, isInGit, type DvcOptions } from './dvc.js';
import { readPins, type Pin } from './pins.js';

export interface VerifiedFile {
  readonly path: string;
  readonly state: 'verified' | 'changed' | 'absent';
  /** What `data.dvc` pins. */
  readonly md5: string;
  readonly bytes: number;
}

export interface Verification {
  readonly dataset: DatasetName;
  /** `verified`: every file is the pinned one. `changed`: one is not, or is missing. `absent`: none is there. */
  readonly state: 'verified' | 'changed' | 'absent';
  /** What it means and what to do, in a sentence. */
  readonly message: string;
  readonly files: readonly VerifiedFile[];
}

const pinnedRecords = (
  name: DatasetName,
  files: readonly { path: string; bytes: number }[],
  part: 'train' | 'test',
): number => {
  const file = files.find(({ path }) => path.endsWith(`/${part}.bin`));
  return file ? file.bytes / recordBytes(datasetInfo(name).layout) : 0;
};

/**
 * The command that pins what lies there of one data set. `dvc commit` would want every file that `data.dvc` lists, those
 * of absent sets too.
 */
const howToPin = (name: DatasetName, root: string): string => {
  const program = relative(repositoryRoot(), dvcExecutable());
  const withoutGit = isInGit(root) ? '' : `${program} config --local core.no_scm true && `;
  return `\`${withoutGit}${program} add ${dataFiles.map((file) => `data/${name}/${file}`).join(' ')}\``;
};

const describe = async (name: DatasetName, files: readonly VerifiedFile[], root: string): Promise<Verification> => {
  const folder = join(root, 'data', name);
  const pinned = { train: pinnedRecords(name, files, 'train'), test: pinnedRecords(name, files, 'test') };
  const counts = `${pinned.train} training and ${pinned.test} test images`;
  const { trainRecords, testRecords } = datasetInfo(name);
  const part =
    pinned.train < trainRecords || pinned.test < testRecords
      ? ` (a part of the whole set's ${trainRecords} and ${testRecords})`
      : '';
  if (files.every(({ state }) => state === 'absent')) {
    return { dataset: name, state: 'absent', message: `not here; ${howToGet(name)}`, files };
  }
  const wrong = files.filter(({ state }) => state !== 'verified');
  if (wrong.length === 0) return { dataset: name, state: 'verified', message: `${counts}${part}, as pinned`, files };
  const list = wrong.map(
    ({ path, state }) => `${path} ${state === 'absent' ? 'is missing' : 'differs from what data.dvc pins'}`,
  );
  const manifest = existsSync(join(folder, 'dataset.json'))
    ? await readManifest(folder).catch(() => undefined)
    : undefined;
  const otherPart =
    manifest && (manifest.train.records !== pinned.train || manifest.test.records !== pinned.test)
      ? `it holds ${manifest.train.records} training and ${manifest.test.records} test images, data.dvc pins ${counts}${part}: ` +
        'another selection of the set, which nothing here proves; '
      : '';
  // A part of the files is no data set that could be pinned.
  const pin = wrong.some(({ state }) => state === 'absent') ? '' : `, or pin what is there: ${howToPin(name, root)}`;
  return {
    dataset: name,
    state: 'changed',
    message: `${otherPart}${list.join(', ')}; remove ${folder} and get it again (${howToGet(name)})${pin}`,
    files,
  };
};

const unpinned = (dataset: DatasetName): Verification => ({
  dataset,
  state: 'absent',
  message: 'data.dvc pins nothing of it',
  files: [],
});

/**
 * Proves by content, through DVC, which data sets are the pinned ones. Every file is hashed anew: what DVC remembers of
 * earlier hashes is set aside, so a file that was changed behind its times is found too.
 *
 * @param names The data sets to look at; all of them by default.
 * @throws UserError with DVC's message where it fails.
 */
export const verifyData = async (
  names: readonly DatasetName[] = datasetNames,
  options: DvcOptions = {},
): Promise<readonly Verification[]> => {
  const { root = repositoryRoot() } = options;
  const pins = await readPins(root);
  const chosen = pins.filter(({ dataset }) => names.includes(dataset));
  if (chosen.length === 0) return names.map(unpinned);
  const siteCache = await mkdtemp(join(tmpdir(), 'ciard-dvc-'));
  try {
    const targets = chosen.map(({ path }) => path);
    const found = new Map<string, string>();
    for (const entries of Object.values(await dvcStatus(targets, { ...options, root, siteCache }))) {
      for (const entry of entries) {
        const outs = typeof entry === 'string' ? undefined : entry['changed outs'];
        if (typeof outs !== 'object') continue;
        for (const [path, state] of Object.entries(outs)) found.set(path, String(state));
      }
    }
    const fileState = ({ path, md5, bytes }: Pin): VerifiedFile => ({
      path,
      state: !existsSync(join(root, path)) ? 'absent' : found.has(path) ? 'changed' : 'verified',
      md5,
      bytes,
    });
    const verifications: Verification[] = [];
    for (const name of names) {
      const files = chosen.filter(({ dataset }) => dataset === name).map(fileState);
      verifications.push(files.length > 0 ? await describe(name, files, root) : unpinned(name));
    }
    return verifications;
  } finally {
    await rm(siteCache, { recursive: true, force: true });
  }
};
