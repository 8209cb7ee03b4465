import { join } from 'node:path';
import process from 'node:process';

/**
 * What Jupyter needs to know to start our kernel.
 * @param {import('./places.mjs').Places} places
 */
const kernelspec = (places) => ({
  argv: [
    process.execPath,
    // tslab runs cells as modules of a context of their own.
    ...['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'],
    join(places.root, 'src', 'notebook', 'main.mjs'),
    '{connection_file}',
  ],
  display_name: 'TypeScript (ciard)',
  language: 'typescript',
  interrupt_mode: 'signal',
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
