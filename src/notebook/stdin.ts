import { Readable } from 'node:stream';
import { UserError } from '../errors.js';

const refusal = (): UserError =>
  new UserError(
    'a cell asked for input, but this kernel has no keyboard: put the value into the cell, or read it from a file',
  );

/** Whoever reads the standard input, or calls `prompt`, is told at once that none will come, instead of waiting for ever. */
export const refuseInput = (): void => {
  Object.defineProperty(process, 'stdin', {
    configurable: true,
    enumerable: true,
    get: () =>
      new Readable({
        read() {
          this.destroy(refusal());
        },
      }),
  });
  Object.defineProperty(globalThis, 'prompt', {
    configurable: true,
    writable: true,
    value: () => {
      throw refusal();
    },
  });
};
