import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this checkout. */
export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The name under which Jupyter knows our kernel. */
export const kernelName = 'ciard';

/**
 * Where everything that set-up makes lives. All of it is inside the checkout and ignored by git; nothing is written to
 * the user's home but the caches of npm and uv.
 * @param {string} root
 */
export const placesIn = (root) => {
  const home = join(root, '.ciard');
  const python = join(home, 'python');
  const tensorflow = join(home, 'tensorflow');
  const nodeModules = join(root, 'node_modules');
  const tfjs = join(nodeModules, '@tensorflow', 'tfjs-node-gpu');
  return {
    root,
    /** The private folder. */
    home,
    /** The installer of Python packages, in an environment of its own. */
    uv: join(home, 'uv'),
    /** The private Python environment: DVC, JupyterLab, nbclient, plotly. */
    python,
    pythonExecutable: join(python, 'bin', 'python'),
    /** TensorFlow's wheel (and, for a GPU, NVIDIA's), unpacked. */
    tensorflow,
    tensorflowLibraries: join(tensorflow, 'tensorflow'),
    nodeModules,
    /** The package whose C++ files become the addon. */
    tfjs,
    addon: join(tfjs, 'lib', 'napi-v8', 'tfjs_binding.node'),
    kernelspec: join(python, 'share', 'jupyter', 'kernels', kernelName),
    /** Jupyter's own settings, data and sockets, which would otherwise go into the user's home. */
    jupyter: join(home, 'jupyter'),
  };
};

/** @typedef {ReturnType<typeof placesIn>} Places */

/** The places of this checkout. */
export const places = placesIn(repositoryRoot);
