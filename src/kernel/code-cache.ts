import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import Module from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { writeAtomically } from '../atomic-write.js';

export interface CachedModule {
  readonly exports: unknown;
  /** Keeps the code as it is compiled by now, unless it was kept before. */
  readonly keep: () => Promise<void>;
}

/**
 * Loads the CommonJS module `file` as `require` would, with the code that V8 compiled it to in an earlier process, if
 * `folder` has it: a compiler of many thousand functions then starts in half the time. V8 itself refuses code of another
 * version or of other settings. A folder that can't be read or written costs the time, nothing more.
 */
export const loadWithCode = (require: NodeJS.Require, file: string, folder: string): CachedModule => {
  const { size, mtimeMs } = statSync(file);
  const prefix = `${basename(file)}-`;
  const name = `${prefix}${size}-${mtimeMs}-${process.versions.v8}`;
  let cachedData: Buffer | undefined;
  try {
    cachedData = readFileSync(join(folder, name));
  } catch {
    // The first time.
  }
  const script = new Script(Module.wrap(readFileSync(file, 'utf8')), { filename: file, cachedData });
  const run = script.runInThisContext() as (...given: unknown[]) => void;
  const module = new Module(file);
  module.filename = file;
  require.cache[file] = module;
  const own = Module.createRequire(file);
  run.call(module.exports, module.exports, own, module, file, dirname(file));
  module.loaded = true;
  return {
    exports: module.exports,
    async keep() {
      if (cachedData && script.cachedDataRejected === false) return;
      try {
        mkdirSync(folder, { recursive: true });
        for (const old of readdirSync(folder)) if (old.startsWith(prefix)) rmSync(join(folder, old));
        await writeAtomically(join(folder, name), [script.createCachedData()]);
      } catch {
        // Next time it takes as long as it did.
      }
    },
  };
};
