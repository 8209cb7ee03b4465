import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.env['CIARD_SHARED'] ?? join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'shared');

/** A file or folder of the reference material that may lie beside the checkout (CIARD_SHARED names another place). */
export const sharedPath = (...parts: string[]): string => join(root, ...parts);

/** The `skip` option of a test that needs `parts` of the reference material: false where it is there, else the reason. */
export const needsShared = (...parts: string[]): false | string =>
  existsSync(sharedPath(...parts)) ? false : `needs the reference material (shared/${parts.join('/')})`;
