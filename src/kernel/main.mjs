import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { compilerSnapshots } from '../setup/compiler-inputs.mjs';
import { placesIn } from '../setup/places.mjs';
import { startFront } from './front.mjs';

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
const snapshots = compilerSnapshots(placesIn(root));
if (!snapshots) {
  process.stderr.write(
    'ciard kernel: no picture of the compiler that is of this code; first cells take seconds (`npm run setup` makes one)\n',
  );
}
await startFront({ connectionFile, root, folder, snapshots });
