import { messageOf, UserError } from '../errors.js';
import { writeAtomically } from '../atomic-write.js';
import { withFile } from './open-file.js';
import { decodeSafetensors, safetensorsPieces } from './safetensors-format.js';
import type { Safetensors } from './safetensors-format.js';
import type { StateDict } from './state-dict.js';

/** The bytes of the file `path`. @throws UserError where it can't be read */
export const readWhole = (path: string): Promise<Uint8Array> =>
  withFile(path, (file) =>
    file.readFile().catch((error: unknown) => {
      throw new UserError(`${path} can't be read: ${messageOf(error)}.`);
    }),
  );

/** Reads a safetensors file. @throws UserError where it is absent, truncated or unsound */
export const readSafetensors = async (path: string): Promise<Safetensors> =>
  decodeSafetensors(await readWhole(path), path);

/** Writes a safetensors file, atomically: `path` is the old file or the new one, whole. */
export const writeSafetensors = async (
  path: string,
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> => writeAtomically(path, safetensorsPieces(tensors, metadata));
