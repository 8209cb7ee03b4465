import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A folder of the calling test file's own, removed when its tests are done. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ciard-test-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
};

/** Every file and folder below `folder`, sorted: what a failed import must leave as it was. */
export const everythingIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
