import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from './step.mjs';
import { runUv } from './uv.mjs';

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
    key: () => hashOf(readFileSync(lock), places.python),
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
    },
  };
};
