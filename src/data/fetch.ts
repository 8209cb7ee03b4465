import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkFolderWritable } from '../atomic-write.js';
import { UserError } from '../errors.js';
import { datasetInfo, type DatasetName } from './datasets.js';
import { download, type DownloadOptions } from './download.js';
import { importDataset, type ImportOptions } from './import.js';
import { dataRoot } from './location.js';
import type { Manifest } from './manifest.js';
import { md5OfFile } from './md5.js';
import { recordBytes } from './records.js';

export interface FetchOptions extends ImportOptions, Pick<DownloadOptions, 'attempts' | 'pause' | 'patience'> {
  /** Other addresses of the archive; the official ones by default. */
  readonly addresses?: readonly string[];
  /**
   * MD5 that the archive must have. By default that of the official one; from other addresses an archive of CIFAR may be
   * packed anew: then its contents decide.
   */
  readonly md5?: string;
  /** Keep the archive in `root/downloads` after it was imported. */
  readonly keep?: boolean;
}

/**
 * Downloads a data set's archive from its official address (or a mirror), checks its MD5 and imports it. An interrupted
 * download is continued; an archive that is there whole is not fetched again. `synthetic` is made.
 *
 * @throws UserError as `download` and `importDataset` do.
 * @throws InterruptedError
 */
export const fetchDataset = async (
  name: DatasetName,
  { root = dataRoot(), addresses, md5, keep = false, attempts, pause, patience, progress, signal }: FetchOptions = {},
): Promise<Manifest> => {
  const importing = { root, ...(progress && { progress }), ...(signal && { signal }) };
  await checkFolderWritable(join(root, name));
  const { archive, layout, trainRecords, testRecords, canonical } = datasetInfo(name);
  if (!archive) return importDataset(name, undefined, importing);
  const wanted = md5 ?? (addresses && canonical ? undefined : archive.md5);
  const target = join(root, 'downloads', archive.file);
  const there = wanted !== undefined && existsSync(target) && (await md5OfFile(target)) === wanted;
  if (!there) {
    await download(addresses ?? archive.addresses, target, {
      ...(wanted !== undefined && { md5: wanted }),
      ...(attempts !== undefined && { attempts }),
      ...(pause !== undefined && { pause }),
      ...(patience !== undefined && { patience }),
      ...(progress && { progress }),
      ...(signal && { signal }),
      reserve: (trainRecords + testRecords) * recordBytes(layout),
    });
  }
  const manifest = await importDataset(name, target, importing).catch(async (error: unknown) => {
    // An archive whose contents are wrong helps nobody; one that was interrupted on its way in stays.
    if (error instanceof UserError) await rm(target, { force: true });
    throw error;
  });
  if (!keep) await rm(target, { force: true });
  return manifest;
};
