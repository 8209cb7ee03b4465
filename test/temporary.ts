import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/**
 * A new folder that goes with `scope`: a test, or by default the calling file's or test's own end. Its name holds a space,
 * which every path of ours must survive.
 */
export const temporaryFolder = (scope: { readonly after: (clean: () => void) => void } = { after }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ciard test-'));
  scope.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
};

/** Every file and folder below `folder`, sorted: what a failed import must leave as it was. */
export const everythingIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
