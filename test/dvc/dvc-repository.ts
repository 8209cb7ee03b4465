import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../src/data/location.js';
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

/** Runs git in `folder`, as nobody in particular. */
export const git = (folder: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
    cwd: folder,
    encoding: 'utf8',
  });

/** What set-up makes and no commit holds: a clone has it by link, which git is told not to see. */
const linkSetUp = (root: string): void => {
  writeFileSync(join(root, '.git', 'info', 'exclude'), '/node_modules\n/.ciard\n');
  for (const name of ['node_modules', '.ciard']) {
    const own = join(repositoryRoot(), name);
    if (existsSync(own)) symlinkSync(own, join(root, name));
  }
};

/** A commit of this project's sources, as they are, without any result; in `folder`. */
export const createCheckout = (folder: string): { root: string; options: DvcOptions } => {
  const root = join(mkdtempSync(join(folder, 'checkout-')), 'ciard');
  mkdirSync(root);
  for (const path of [
    'src',
    'bin',
    'package.json',
    'tsconfig.json',
    'data.dvc',
    '.dvcignore',
    '.gitignore',
    '.dvc/config',
    '.dvc/.gitignore',
  ]) {
    cpSync(join(repositoryRoot(), path), join(root, path), { recursive: true });
  }
  git(root, 'init', '--quiet');
  git(root, 'add', '--all');
  git(root, 'commit', '--quiet', '--message', 'sources');
  linkSetUp(root);
  return { root, options: { root, siteCache: join(root, '..', 'site') } };
};

/** A fresh clone of a checkout: it has what was committed, and nothing else. */
export const cloneOf = (checkout: string): { root: string; options: DvcOptions } => {
  const root = join(mkdtempSync(join(checkout, '..', 'clone-')), 'ciard');
  git(checkout, 'clone', '--quiet', checkout, root);
  linkSetUp(root);
  return { root, options: { root, siteCache: join(root, '..', 'site') } };
};
