import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where npm and uv keep what they have fetched: as the user has it, in the home; beside what they install where the home
 * cannot be written to, as in some containers.
 * @param {import('./places.mjs').Places} places
 * @param {string} [home]
 * @returns {NodeJS.ProcessEnv}
 */
export const cacheEnvironment = (places, home = homedir()) => {
  try {
    accessSync(home, constants.W_OK);
    return {};
  } catch {
    return { UV_CACHE_DIR: join(places.home, 'cache', 'uv'), npm_config_cache: join(places.home, 'cache', 'npm') };
  }
};
