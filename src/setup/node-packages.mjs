import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheEnvironment } from './caches.mjs';
import { commandEnvironment, runCommand } from './command.mjs';
import { hashOf, readIfThere } from './step.mjs';

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, peer?: boolean }} LockedPackage */

/** @param {string} text @returns {Record<string, LockedPackage>} */
export const packagesOf = (text) => {
  /** @type {unknown} */
  const lock = JSON.parse(text);
  return /** @type {{ packages: Record<string, LockedPackage> }} */ (lock).packages;
};

/**
 * Whether `node_modules` is what the lock file asks for. npm notes what it has installed in a lock file of its own inside
 * `node_modules`, which it writes last; packages for other platforms are optional and not in it.
 * @param {import('./places.mjs').Places} places
 */
export const matchesLock = (places) => {
  const installedText = readIfThere(join(places.nodeModules, '.package-lock.json'));
  if (installedText === undefined) return false;
  const wanted = packagesOf(readFileSync(join(places.root, 'package-lock.json'), 'utf8'));
  const installed = packagesOf(installedText);
  const names = Object.keys(wanted).filter((name) => name !== '');
  return (
    names.every((name) => {
      const there = installed[name];
      if (there === undefined) return wanted[name]?.optional === true;
      return there.version === wanted[name]?.version && there.integrity === wanted[name]?.integrity;
    }) && Object.keys(installed).every((name) => name in wanted)
  );
};

/**
 * The Node packages, exactly as `package-lock.json` names them. Install scripts do not run: the one that matters would
 * download an old TensorFlow; the addon is made by a step of its own.
 * @param {import('./places.mjs').Places} places
 * @param {() => import('./prerequisites.mjs').Tools} tools
 * @returns {import('./step.mjs').Step}
 */
export const nodePackages = (places, tools) => ({
  name: 'Node packages',
  after: [],
  stamp: join(places.nodeModules, '.ciard-stamp'),
  key: () => hashOf(readFileSync(join(places.root, 'package-lock.json'))),
  found: () => matchesLock(places),
  async make() {
    const [npm = 'npm', ...before] = tools().npm;
    // Development packages too, also where NODE_ENV is 'production': the tests and tsx are part of the program.
    const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
    await runCommand(npm, [...before, ...args], {
      cwd: places.root,
      env: { ...cacheEnvironment(places), ...commandEnvironment() },
      purpose: 'installing the Node packages',
      remedy: 'If the registry was out of reach, mend the connection (or npm\'s setting "registry") and start again.',
    });
  },
});
