#!/usr/bin/env node
// The command line. The program is TypeScript: tsx lets Node load it as it stands, without a build.
import { register } from 'tsx/esm/api';

register();
await import('../src/cli/main.js');
