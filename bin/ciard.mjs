#!/usr/bin/env node
// The command line. The program is TypeScript: tsx lets Node load it as it stands, without a build.
import process from 'node:process';
import { allowClosedPipes } from '../src/setup/closed-pipes.mjs';

allowClosedPipes();
try {
  const { register } = await import('tsx/esm/api');
  register();
} catch {
  process.stderr.write(
    'ciard: the Node packages are not installed; run "node src/setup/main.mjs" in the project\'s folder.\n',
  );
  process.exit(2);
}
await import('../src/cli/main.js');
