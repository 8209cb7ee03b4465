import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheEnvironment } from './caches.mjs';
import { answerOf, commandEnvironment, runCommand } from './command.mjs';
import { hashOf } from './step.mjs';

/** Said where a Python package could not be installed. */
const registryRemedy =
  "If the registry was out of reach, mend the connection (or pip's settings, which uv is given too) and start again.";

/**
 * The lines of a hash-pinned requirements lock that belong to one package.
 * @param {string} lock
 * @param {string} name
 * @returns {string}
 */
export const pinOf = (lock, name) => {
  const lines = lock.split('\n');
  const first = lines.findIndex((line) => line.startsWith(`${name}==`));
  if (first < 0) throw new Error(`the lock does not pin ${name}`);
  const length = lines.slice(first + 1).findIndex((line) => !line.startsWith(' '));
  return [...lines.slice(first, length < 0 ? undefined : first + 1 + length), ''].join('\n');
};

/** pip's settings that say where packages come from, and uv's variables for the same. */
const uvVariables = new Map([
  ['index-url', 'UV_DEFAULT_INDEX'],
  ['extra-index-url', 'UV_INDEX'],
  ['find-links', 'UV_FIND_LINKS'],
  ['no-index', 'UV_NO_INDEX'],
  ['trusted-host', 'UV_INSECURE_HOST'],
  ['cert', 'SSL_CERT_FILE'],
]);

/**
 * pip's settings as uv understands them. uv reads none of pip's, and where a mirror is set for pip alone it would go to
 * the public index.
 * @param {string} settings the output of `pip config list`: a line `section.name='value'` each
 * @returns {Record<string, string>}
 */
export const pipSettingsForUv = (settings) => {
  /** @type {Record<string, string>} */
  const found = {};
  // Later sections win: the general one, that of `pip install`, the environment.
  for (const section of ['global', 'install', ':env:']) {
    for (const line of settings.split('\n')) {
      const [, quoted] = line.split(/=(.*)/s);
      const name = line.startsWith(`${section}.`) ? line.slice(section.length + 1).split('=')[0] : undefined;
      const variable = uvVariables.get(name ?? '');
      if (variable === undefined || quoted === undefined) continue;
      // Several values are separated by white space, a line break being written as \n.
      const values = quoted.trim().slice(1, -1).replaceAll('\\n', ' ').trim().split(/\s+/);
      // pip shrugs at a folder that is not there; uv stops.
      const usable =
        name === 'find-links' ? values.filter((value) => value.includes('://') || existsSync(value)) : values;
      if (usable.length > 0) found[variable] = usable.join(variable === 'UV_FIND_LINKS' ? ',' : ' ');
    }
  }
  return found;
};

/**
 * The environment that uv runs in.
 * @param {import('./places.mjs').Places} places
 * @returns {NodeJS.ProcessEnv}
 */
const uvEnvironment = (places) => ({
  ...pipSettingsForUv(answerOf(join(places.uv, 'bin', 'python'), ['-m', 'pip', 'config', 'list']) ?? ''),
  // A slow link is not an error (uv's own limit is 30 s).
  UV_HTTP_TIMEOUT: '180',
  // uv would fetch a Python from a host of its own.
  UV_PYTHON_DOWNLOADS: 'never',
  ...cacheEnvironment(places),
  ...commandEnvironment(),
});

/**
 * Runs uv.
 * @param {import('./places.mjs').Places} places
 * @param {string[]} args
 * @param {string} purpose
 */
export const runUv = (places, args, purpose) =>
  runCommand(join(places.uv, 'bin', 'uv'), args, {
    env: uvEnvironment(places),
    cwd: places.home,
    purpose,
    remedy: registryRemedy,
  });

/**
 * uv, which installs the Python packages: ten times faster than pip, and able to fetch TensorFlow's wheel whatever Python
 * the machine has. It comes from the same lock.
 * @param {import('./places.mjs').Places} places
 * @param {() => import('./prerequisites.mjs').Tools} tools
 * @returns {import('./step.mjs').Step}
 */
export const uv = (places, tools) => {
  const pin = () => pinOf(readFileSync(join(places.root, 'requirements.lock'), 'utf8'), 'uv');
  return {
    name: 'Python installer',
    after: [],
    stamp: join(places.uv, '.stamp'),
    key: () => hashOf(pin()),
    async make() {
      rmSync(places.uv, { recursive: true, force: true });
      await runCommand(tools().python, ['-m', 'venv', places.uv], { purpose: 'making a Python environment' });
      const pinFile = join(places.uv, 'uv.lock');
      writeFileSync(pinFile, pin());
      const args = ['-m', 'pip', 'install', '--no-input', '--no-user', '--no-deps', '--require-hashes', '-r', pinFile];
      await runCommand(join(places.uv, 'bin', 'python'), args, {
        purpose: 'installing uv',
        remedy: registryRemedy,
        env: commandEnvironment({ PIP_DISABLE_PIP_VERSION_CHECK: '1' }),
      });
    },
  };
};
