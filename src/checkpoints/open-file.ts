import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { messageOf, UserError } from '../errors.js';
import { readRange } from '../read-range.js';
import { standInBytes, standInFor } from '../stand-in.js';

/**
 * Opens the checkpoint `path`, calls `read` and closes it.
 * @throws UserError where it can't be read, or is no checkpoint at all: a folder, a pipe, a web page, a pointer of Git LFS
 */
export const withFile = async <T>(
  path: string,
  read: (file: FileHandle, size: number, beginning: Uint8Array) => Promise<T>,
): Promise<T> => {
  const failed = (error: unknown): UserError => new UserError(`${path} can't be read: ${messageOf(error)}.`);
  // Asked before it is opened: to open a pipe is to wait for its writer.
  const status = await stat(path).catch((error: unknown) => {
    throw failed(error);
  });
  if (!status.isFile())
    throw new UserError(`${path} is not a file. Name a checkpoint: .pt, .pth, .th or .safetensors.`);
  const file = await open(path, 'r').catch((error: unknown) => {
    throw failed(error);
  });
  try {
    const beginning = await readRange(file, 0, Math.min(status.size, standInBytes));
    const found = standInFor(beginning);
    if (found !== undefined) throw new UserError(`${path} is no checkpoint: ${found}.`);
    return await read(file, status.size, beginning);
  } finally {
    await file.close();
  }
};
