import { join } from 'node:path';
import process from 'node:process';

/**
 * What Jupyter needs to know to start our kernel.
 * @param {import('./places.mjs').Places} places
 */
const kernelspec = (places) => ({
  argv: [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(places.root, 'src', 'kernel', 'main.mjs'),
    '{connection_file}',
  ],
  display_name: 'TypeScript (ciard)',
  language: 'typescript',
  // By message: the kernel's control thread hears it even while a cell holds the main thread, as no signal handler would.
  interrupt_mode: 'message',
  env: {},
  metadata: { debugger: false },
});

/**
 * Our kernel, made known to the private environment's Jupyter and to no other. The file is its own stamp: it holds the
 * paths of Node and of this checkout, and is written anew where either has changed.
 * @param {import('./places.mjs').Places} places
 * @returns {import('./step.mjs').Step}
 */
export const notebookKernel = (places) => ({
  name: 'Notebook kernel',
  after: ['Python packages'],
  stamp: join(places.kernelspec, 'kernel.json'),
  key: () => `${JSON.stringify(kernelspec(places), null, 2)}\n`,
  make: () => Promise.resolve(),
});
