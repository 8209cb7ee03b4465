import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder that goes with the test; its name holds a space, which every path of ours must survive. */
export const temporaryFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ciard set-up-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
};
