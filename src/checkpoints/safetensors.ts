import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../errors.js';
import { writeAtomically } from '../atomic-write.js';
import { decodeSafetensors, safetensorsPieces } from './safetensors-format.js';
import type { Safetensors } from './safetensors-format.js';
import type { StateDict } from './state-dict.js';

export { decodeSafetensors, encodeSafetensors } from './safetensors-format.js';
export type { Safetensors } from './safetensors-format.js';

/** The bytes of the file `path`. @throws UserError where it can't be read */
export const readWhole = async (path: string): Promise<Uint8Array> => {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UserError(`${path} can't be read: ${messageOf(error)}.`);
  }
};

/** Reads a safetensors file. @throws UserError where it is absent, truncated or unsound */
export const readSafetensors = async (path: string): Promise<Safetensors> =>
  decodeSafetensors(await readWhole(path), path);

/** Writes a safetensors file, atomically: `path` is the old file or the new one, whole. */
export const writeSafetensors = async (
  path: string,
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> => writeAtomically(path, safetensorsPieces(tensors, metadata));
