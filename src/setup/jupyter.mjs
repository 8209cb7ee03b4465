import { join } from 'node:path';
import { commandEnvironment } from './command.mjs';

/**
 * The environment in which Jupyter's programs (JupyterLab, nbclient, the kernel's tests) run: what they write stays in the
 * private folder, and the private environment's kernels come first.
 * @param {import('./places.mjs').Places} places
 * @returns {NodeJS.ProcessEnv}
 */
export const jupyterEnvironment = (places) =>
  commandEnvironment({
    JUPYTER_CONFIG_DIR: join(places.jupyter, 'config'),
    JUPYTER_DATA_DIR: join(places.jupyter, 'data'),
    JUPYTER_RUNTIME_DIR: join(places.jupyter, 'runtime'),
    JUPYTER_PREFER_ENV_PATH: '1',
    IPYTHONDIR: join(places.jupyter, 'ipython'),
  });
