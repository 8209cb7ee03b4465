import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

// Jupyter starts a kernel in its notebook's folder. Cells run in the repository's root, so that `data/…` and `runs/…`
// mean the same in every notebook as on the command line; the folder is kept for imports that are relative to it.
const folder = process.cwd();
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
process.chdir(root);

const connectionFile = process.argv[2];
if (!connectionFile) {
  process.stderr.write('usage: main.mjs <connection file>; Jupyter starts this, see `npm run lab`\n');
  process.exit(2);
}

/** @type {string[]} */
const early = [];
/** @type {(url: string) => void} */
let loaded = (url) => {
  early.push(url);
};
register({
  onImport: (url) => {
    loaded(url);
  },
});

const { startKernel } = await import('./kernel.js');
await startKernel({
  connectionFile,
  folder,
  root,
  onLoaded: (listener) => {
    loaded = listener;
    early.splice(0).forEach(listener);
  },
  // All that the kernel knows of the library. It is not loaded before a cell loads it: a kernel starts without TensorFlow.
  library: join(root, 'src', 'index.ts'),
  loadViews: () => import('../views/view-of.js'),
});
