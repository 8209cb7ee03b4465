import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.env['CIARD_SHARED'] ?? join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'shared');

/** A file or folder of the reference material that may lie beside the checkout (CIARD_SHARED names another place). */
export const sharedPath = (...parts: string[]): string => join(root, ...parts);

/**
 * The `skip` option of a test that needs `parts` of the reference material: false where it is there, else the reason.
 * @throws Error instead where CIARD_REQUIRE_ORACLE=1
 */
export const needsShared = (...parts: string[]): false | string => {
  if (existsSync(sharedPath(...parts))) return false;
  if (process.env['CIARD_REQUIRE_ORACLE'] === '1') {
    throw new Error(
      `CIARD_REQUIRE_ORACLE=1 asks for every test against the reference material, but there is no ${sharedPath(...parts)}. ` +
        'CIARD_SHARED names the folder that holds checkpoints, data and oracle.',
    );
  }
  return `needs the reference material (shared/${parts.join('/')}; CIARD_SHARED names its folder)`;
};
