import { sha256 } from '@noble/hashes/sha2.js';

/** What `src/random.ts` needs of node:crypto, for the page: there a seed is to mean the same numbers as in Node. */
export const createHash = (name: string) => {
  if (name !== 'sha256') throw new Error(`the page has no hash ${name}`);
  let text = '';
  const hash = {
    update(more: string) {
      text += more;
      return hash;
    },
    digest() {
      const bytes = sha256(new TextEncoder().encode(text));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Object.assign(bytes, { readInt32LE: (at: number): number => view.getInt32(at, true) });
    },
  };
  return hash;
};
