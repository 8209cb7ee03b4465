import process from 'node:process';
import { register } from 'tsx/esm/api';

// The process in which cells run (session.ts), started by the front: session.mjs <repository's root> <notebook's folder>.
const [, , root = process.cwd(), folder = root] = process.argv;

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

const { startSession } = await import('./session.js');
startSession({
  root,
  folder,
  onLoaded: (listener) => {
    loaded = listener;
    early.splice(0).forEach(listener);
  },
  // All that a session knows of the library. It is not loaded before a cell loads it.
  loadViews: async () => {
    const { viewOf } = await import('../views/view-of.js');
    return { viewOf };
  },
});
