import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { dvc, dvcExecutable, type DvcOptions } from '../../src/dvc/dvc.js';

/** The `skip` option of a test that needs DVC. */
export const needsDvc: false | string = existsSync(dvcExecutable())
  ? false
  : 'needs DVC (.ciard/python): set-up makes it';

/** Makes a DVC repository without git in `folder`; gives back its place and the options of calls that work on it. */
export const createDvcRepository = async (folder: string): Promise<{ root: string; options: DvcOptions }> => {
  const root = join(mkdtempSync(join(folder, 'dvc-')), 'repository');
  mkdirSync(root);
  const options = { root, siteCache: join(root, '..', 'site') };
  await dvc(['init', '--no-scm', '--quiet'], options);
  return { root, options };
};
