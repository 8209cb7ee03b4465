import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { commandEnvironment, runCommand } from './command.mjs';
import { compilerInputs } from './compiler-inputs.mjs';

/**
 * The notebook compiler, loaded: pictures of its memory from which it starts in a fifth of the time. A kernel does without
 * where there are none.
 * @param {import('./places.mjs').Places} places
 * @returns {import('./step.mjs').Step}
 */
export const compilerSnapshot = (places) => {
  const { folder, plain, library, stamp } = compilerInputs.placesOf(places);
  const bundle = join(folder, 'compiler.cjs');
  return {
    name: 'Notebook compiler',
    after: ['Node packages'],
    stamp,
    key: () => compilerInputs.keyOf(places),
    intact: () => [plain, library].every((file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0),
    async make() {
      mkdirSync(folder, { recursive: true });
      const options = { cwd: places.root, env: commandEnvironment(), purpose: 'preparing the notebook compiler' };
      const esbuild = join(places.nodeModules, 'esbuild', 'bin', 'esbuild');
      await runCommand(
        process.execPath,
        [
          ...[esbuild, join(places.root, 'src', 'kernel', 'compiler', 'main.ts'), `--outfile=${bundle}`],
          ...['--bundle', '--platform=node', '--format=iife', '--log-level=error'],
        ],
        options,
      );
      for (const [name, file] of Object.entries({ plain, library })) {
        await runCommand(process.execPath, ['--snapshot-blob', `${file}.new`, '--build-snapshot', bundle], {
          ...options,
          env: { ...options.env, CIARD_SNAPSHOT_OF: name },
        });
        renameSync(`${file}.new`, file);
      }
    },
  };
};
