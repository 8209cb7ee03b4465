import type { FileHandle } from 'node:fs/promises';
import { UserError } from './errors.js';

/** The `length` bytes of a file from `position` on. @throws UserError where it ends before */
export const readRange = async (file: FileHandle, position: number, length: number): Promise<Uint8Array> => {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    // Node reads at most 2 GiB at once.
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), position + done);
    if (bytesRead === 0)
      throw new UserError(`The file ends at byte ${position + done} while it is read. Is it being written?`);
    done += bytesRead;
  }
  return bytes;
};
