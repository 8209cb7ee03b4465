import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const isRoot = (folder: string): boolean => {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return false;
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name === 'ciard';
  } catch {
    return false;
  }
};

const rootAbove = (start: string): string | undefined => {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isRoot(folder)) return folder;
    if (folder === dirname(folder)) return undefined;
  }
};

let known: string | undefined;

/**
 * The folder of this repository. Found by walking up from this file, or from the working folder where a host (a
 * notebook) has moved the compiled file elsewhere.
 */
export const repositoryRoot = (): string => {
  known ??= rootAbove(dirname(fileURLToPath(import.meta.url))) ?? rootAbove(process.cwd()) ?? process.cwd();
  return known;
};

/**
 * The folder that holds the data sets, one folder each: `CIARD_DATA`, or `data` at the repository's root, which is where
 * `data.dvc` pins them.
 */
export const dataRoot = (): string => process.env['CIARD_DATA'] ?? join(repositoryRoot(), 'data');
