import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, writeAtomically } from './step.mjs';
import { runUv } from './uv.mjs';

/** JupyterLab's settings: it is not to ask whether it may fetch news. */
const labSettings = {
  '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false },
};

/**
 * The private Python environment: DVC, JupyterLab, nbclient, plotly.
 *
 * Such an environment holds its own path, so that a checkout that was moved gets a new one; one whose Python has gone is
 * not intact.
 * @param {import('./places.mjs').Places} places
 * @param {() => import('./prerequisites.mjs').Tools} tools
 * @returns {import('./step.mjs').Step}
 */
export const pythonPackages = (places, tools) => {
  const lock = join(places.root, 'requirements.lock');
  return {
    name: 'Python packages',
    after: ['Python installer'],
    stamp: join(places.python, '.stamp'),
    key: () => hashOf(readFileSync(lock), places.python, JSON.stringify(labSettings)),
    intact: () => existsSync(places.pythonExecutable),
    async make() {
      rmSync(places.python, { recursive: true, force: true });
      await runUv(places, ['venv', '--python', tools().python, places.python], 'making the Python environment');
      // The few packages without a wheel are built with tools from the same lock.
      const args = ['--require-hashes', '--build-constraints', lock, '-r', lock];
      await runUv(
        places,
        ['pip', 'install', '--python', places.pythonExecutable, ...args],
        'installing the Python packages',
      );
      // JupyterLab brings along scripts for Node that are CommonJS; without this our own package.json, which says that
      // everything under it is a module, would hold for them too.
      writeFileSync(join(places.python, 'package.json'), '{ "type": "commonjs" }\n');
      const settings = join(places.python, 'share', 'jupyter', 'lab', 'settings', 'overrides.json');
      writeAtomically(settings, `${JSON.stringify(labSettings, null, 2)}\n`);
    },
  };
};
