import { Buffer } from 'node:buffer';

/**
 * Takes a stream of bytes apart into its lines.
 * @param {(line: string) => void} onLine
 * @returns {(chunk: Uint8Array) => void}
 */
export const lineReader = (onLine) => {
  /** @type {Uint8Array[]} */
  let parts = [];
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at));
      const line = Buffer.concat(parts).toString();
      parts = [];
      from = at + 1;
      onLine(line);
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  };
};
