import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { hashOf } from './step.mjs';

/**
 * DVC, ready to be called. Its settings are committed (`.dvc/config`); what is left is to tell it where there is no git,
 * as in an unpacked archive of the sources, and to see that it answers.
 * @param {import('./places.mjs').Places} places
 * @returns {import('./step.mjs').Step}
 */
export const dvc = (places) => {
  const withGit = () => existsSync(join(places.root, '.git'));
  /** @param {string[]} args @param {string} purpose */
  const run = (args, purpose) =>
    runCommand(places.pythonExecutable, ['-m', 'dvc', ...args], { cwd: places.root, purpose });
  return {
    name: 'DVC',
    after: ['Python packages'],
    stamp: join(places.python, '.dvc-stamp'),
    key: () => hashOf(String(withGit())),
    intact: () => existsSync(join(places.root, '.dvc', 'config')),
    async make() {
      if (!existsSync(join(places.root, '.dvc'))) {
        await run(['init', '--quiet', ...(withGit() ? [] : ['--no-scm'])], 'initialising DVC');
      }
      // A file of this checkout alone, which git ignores.
      if (!withGit()) await run(['config', '--local', 'core.no_scm', 'true'], 'telling DVC that there is no git');
      else if (existsSync(join(places.root, '.dvc', 'config.local'))) {
        await run(['config', '--local', 'core.no_scm', 'false'], 'telling DVC that there is git');
      }
      await run(['config', '--list'], 'asking DVC for its settings');
    },
  };
};
