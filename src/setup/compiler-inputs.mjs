import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** @typedef {import('./places.mjs').Places} Places */

/** Where the pictures of the notebook compiler's memory lie. @param {Places} places */
const placesOf = (places) => {
  const folder = join(places.home, 'kernel');
  return {
    folder,
    plain: join(folder, 'compiler.blob'),
    library: join(folder, 'compiler-library.blob'),
    stamp: join(folder, 'stamp'),
  };
};

/** What the compiler's code imports from outside of its folder. */
export const sharedInputs = ['src/errors.ts', 'src/kernel/messages.mjs'];

/**
 * What the pictures depend on: this Node, the installed packages, the compiler's own code. The library's files are not among
 * them: the compiler reads anew what was edited since.
 * @param {Places} places
 */
const keyOf = (places) => {
  const hash = createHash('sha256');
  hash.update([process.version, process.arch, process.execPath, places.root].join('\0'));
  hash.update(readFileSync(join(places.root, 'package-lock.json')));
  const folder = 'src/kernel/compiler';
  const files = [...sharedInputs, ...readdirSync(join(places.root, folder)).map((name) => `${folder}/${name}`)];
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(join(places.root, file)));
  return hash.digest('hex').slice(0, 32);
};

export const compilerInputs = { placesOf, keyOf };

/**
 * The pictures, where there are some and they are of what is there now.
 * @param {Places} places
 * @returns {{ plain: string, library: string } | undefined}
 */
export const compilerSnapshots = (places) => {
  const { plain, library, stamp } = placesOf(places);
  try {
    return readFileSync(stamp, 'utf8') === keyOf(places) ? { plain, library } : undefined;
  } catch {
    return undefined;
  }
};
