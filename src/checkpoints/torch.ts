/** PyTorch's checkpoint files, read without running anything of them. */
import { UserError } from '../errors.js';
import { findStateDict } from './find-state-dict.js';
import { withFile } from './open-file.js';
import { looksLikeSafetensors } from './safetensors-format.js';
import { readSafetensors } from './safetensors.js';
import { bytesPerElement, sizeOfShape } from './state-dict.js';
import type { StateDict, StoredTensor } from './state-dict.js';
import { openTorchLegacy } from './torch-legacy.js';
import { isTorchTensor } from './torch-pickle.js';
import type { TorchContents, TorchStorage, TorchTensor } from './torch-pickle.js';
import { readView } from './torch-tensor.js';
import { openTorchZip } from './torch-zip.js';

export interface TorchFile {
  readonly format: 'zip' | 'legacy' | 'safetensors';
  /** Where in the file the state dict lay: the keys that lead to it; empty where the file is one. */
  readonly path: readonly string[];
  readonly tensors: StateDict;
}

/** Files of other kinds: where their mark lies, the mark, and what they are and ask for. */
const others: readonly (readonly [number, string, string])[] = [
  [257, 'ustar', "a tar archive, PyTorch's form before 0.2. Load it with an old PyTorch and save its state dict anew"],
  [0, '\x1f\x8b', 'compressed with gzip. Decompress it first: gunzip'],
  [
    2,
    '\x12\x07pytorch',
    'an ONNX file, which holds a graph and no state dict. Import the checkpoint that it was made of',
  ],
  [0, '\x89HDF', "an HDF5 file, as Keras writes them, and no checkpoint of PyTorch's"],
];

/** The first bytes of a file for a message: as text where they are one. */
const shown = (bytes: Uint8Array): string => {
  const text = String.fromCharCode(...bytes.subarray(0, 24));
  return /^[\t\n\r -~]+$/.test(text)
    ? JSON.stringify(text)
    : `the bytes ${Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')}`;
};

/** Prefixes that wrappers put before every name: DataParallel's, and torch.compile's. */
const prefixes = ['module.', '_orig_mod.'];

/** A name without the prefixes of wrappers. */
export const withoutWrappers = (name: string): string => {
  const prefix = prefixes.find((one) => name.startsWith(one));
  return prefix === undefined ? name : withoutWrappers(name.slice(prefix.length));
};

/** `names` without the prefixes of wrappers. */
const withoutPrefixes = <T>(named: ReadonlyMap<string, T>, refuse: (reason: string) => UserError): Map<string, T> => {
  const result = new Map<string, T>();
  for (const [full, value] of named) {
    const name = withoutWrappers(full);
    if (result.has(name)) throw refuse(`two of its tensors are called '${name}' without their prefix`);
    result.set(name, value);
  }
  return result;
};

/** What a state dict shows of its storages. Each storage is read once; tensors that are the same view are one. */
const readTensors = async (
  named: ReadonlyMap<string, TorchTensor>,
  { readStorage, littleEndian }: TorchContents,
  fileSize: number,
  refuse: (reason: string) => UserError,
): Promise<StateDict> => {
  // A few bytes can be shown as a tensor of any size (stride 0) and under any number of names.
  const limit = 4 * fileSize + 2 ** 24;
  const identityOf = ({ storage, dtype, offset, shape, strides }: TorchTensor): string =>
    JSON.stringify([storage.key, dtype, offset, shape, strides]);

  const distinct = new Map<string, TorchTensor>();
  let total = 0;
  for (const tensor of named.values()) {
    const identity = identityOf(tensor);
    if (distinct.has(identity)) continue;
    distinct.set(identity, tensor);
    total += sizeOfShape(tensor.shape) * bytesPerElement(tensor.dtype);
    if (!(total <= limit)) throw refuse(`its tensors claim more than ${limit} bytes, and the file has ${fileSize}`);
  }

  const byStorage = new Map<TorchStorage, [string, TorchTensor][]>();
  for (const entry of distinct) {
    const list = byStorage.get(entry[1].storage);
    if (list) list.push(entry);
    else byStorage.set(entry[1].storage, [entry]);
  }
  const values = new Map<string, StoredTensor>();
  for (const [storage, views] of byStorage) {
    const bytes = await readStorage(storage);
    for (const [identity, tensor] of views) values.set(identity, readView(tensor, bytes, littleEndian));
  }
  return new Map([...named].map(([name, tensor]) => [name, values.get(identityOf(tensor))!]));
};

/**
 * Reads the state dict of a PyTorch checkpoint: a file of `torch.save`, of any age and ending, or a safetensors file; which
 * of them it is, its content tells. Prefixes of wrappers (`module.`) are taken off the names. Nothing of the file is ever
 * run; whatever it holds besides (optimiser, epoch, accuracies) is passed over.
 * @param key where the state dict lies: a path, see `findStateDict`
 * @throws UserError where the file is absent, damaged, hostile, names anything but tensors and plain containers, or has no
 *   state dict
 */
export const readTorchFile = (path: string, { key }: { key?: string | undefined } = {}): Promise<TorchFile> =>
  withFile(path, async (file, size, beginning) => {
    if (looksLikeSafetensors(beginning)) {
      if (key !== undefined)
        throw new UserError(`${path} is a safetensors file: it is one state dict, without the key '${key}'.`);
      const refuse = (reason: string): UserError => new UserError(`${path} is refused: ${reason}.`);
      return {
        format: 'safetensors',
        path: [],
        tensors: withoutPrefixes((await readSafetensors(path)).tensors, refuse),
      };
    }
    const text = (from: number, to: number): string => String.fromCharCode(...beginning.subarray(from, to));
    const other = others.find(([at, magic]) => text(at, at + magic.length) === magic);
    if (other) throw new UserError(`${path} is ${other[2]}.`);
    const isZip = text(0, 4) === 'PK\x03\x04';
    const isPickle = beginning[0] === 0x80;
    const refuse = (reason: string): UserError =>
      new UserError(
        isZip || isPickle
          ? `${path} is refused: ${reason}.`
          : `${path} is neither a file of torch.save nor a safetensors file: it begins with ${shown(beginning)}${
              // What a pickle of another kind would have run.
              reason.startsWith('it asks') ? `, and ${reason}` : ''
            }.`,
      );
    const contents = await (isZip ? openTorchZip : openTorchLegacy)(file, size, refuse);
    const { dict, path: keys } = findStateDict(contents.value, key, refuse);
    const named = new Map<string, TorchTensor>();
    for (const [name, value] of dict) if (typeof name === 'string' && isTorchTensor(value)) named.set(name, value);
    const tensors = await readTensors(withoutPrefixes(named, refuse), contents, size, refuse);
    return { format: contents.format, path: keys, tensors };
  });
