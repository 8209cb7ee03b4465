/** PyTorch's checkpoint files, read without running anything of them. */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { messageOf, UserError } from '../errors.js';
import { readRange } from './read-range.js';
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

/** The keys under which training programs keep a network's state dict, the likeliest first. */
const stateDictKeys = ['state_dict', 'model_state_dict', 'model', 'net'];

/** Prefixes that wrappers put before every name: DataParallel's, and torch.compile's. */
const prefixes = ['module.', '_orig_mod.'];

const hasTensors = (value: unknown): value is Map<unknown, unknown> =>
  value instanceof Map && [...value.values()].some(isTorchTensor);

/** The state dict inside what a file holds, and the keys that lead to it. */
const findStateDict = (
  value: unknown,
  key: string | undefined,
  refuse: (reason: string) => UserError,
): { dict: ReadonlyMap<unknown, unknown>; path: string[] } => {
  const keysOf = (map: ReadonlyMap<unknown, unknown>): string =>
    [...map.keys()]
      .slice(0, 20)
      .map((name) => (typeof name === 'string' ? `'${name}'` : typeof name))
      .join(', ');
  if (!(value instanceof Map))
    throw refuse('it holds neither a state dict nor a dict around one. In PyTorch: torch.save(model.state_dict(), …)');
  if (key !== undefined) {
    const inner: unknown = (value as Map<unknown, unknown>).get(key);
    if (!hasTensors(inner)) throw refuse(`it has no state dict under '${key}'. It has: ${keysOf(value)}`);
    return { dict: inner, path: [key] };
  }
  let map = value as Map<unknown, unknown>;
  const path: string[] = [];
  // A wrapper comes before a plain dict: beside 'state_dict' there may be tensors that are no weights, such as the best accuracy.
  for (let depth = 0; depth < 3; depth++) {
    const wrapper = stateDictKeys.find((name) => map.get(name) instanceof Map);
    if (wrapper === undefined) break;
    path.push(wrapper);
    map = map.get(wrapper) as Map<unknown, unknown>;
  }
  if (!hasTensors(map))
    throw refuse(
      `it has no state dict: ${path.length ? `under '${path.join('.')}' ` : ''}there is ${keysOf(map) || 'nothing'}. Name the key (--key) if it has another`,
    );
  return { dict: map, path };
};

/** `names` without the prefixes of wrappers. */
const withoutPrefixes = <T>(named: ReadonlyMap<string, T>, refuse: (reason: string) => UserError): Map<string, T> => {
  const result = new Map<string, T>();
  for (const [full, value] of named) {
    let name = full;
    for (let prefix; (prefix = prefixes.find((p) => name.startsWith(p))) !== undefined;)
      name = name.slice(prefix.length);
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

const openForReading = async (path: string): Promise<{ file: FileHandle; size: number }> => {
  try {
    // Asked before it is opened: to open a pipe is to wait for its writer.
    const status = await stat(path);
    if (status.isFile()) return { file: await open(path, 'r'), size: status.size };
  } catch (error) {
    throw new UserError(`${path} can't be read: ${messageOf(error)}.`);
  }
  throw new UserError(`${path} is not a file. Name a checkpoint: .pt, .pth, .th or .safetensors.`);
};

/**
 * Reads the state dict of a PyTorch checkpoint: a file of `torch.save`, of any age and ending, or a safetensors file; which
 * of them it is, its content tells. Prefixes of wrappers (`module.`) are taken off the names. Nothing of the file is ever
 * run; whatever it holds besides (optimiser, epoch, accuracies) is passed over.
 * @param key where the state dict lies; by default it is looked for under the usual names, then in the file's own dict
 * @throws UserError where the file is absent, damaged, hostile, names anything but tensors and plain containers, or has no
 *   state dict
 */
export const readTorchFile = async (path: string, { key }: { key?: string | undefined } = {}): Promise<TorchFile> => {
  const { file, size } = await openForReading(path);
  try {
    const start = await readRange(file, 0, Math.min(size, 512));
    if (looksLikeSafetensors(start)) {
      if (key !== undefined)
        throw new UserError(`${path} is a safetensors file: it is one state dict, without the key '${key}'.`);
      const refuse = (reason: string): UserError => new UserError(`${path} is refused: ${reason}.`);
      return {
        format: 'safetensors',
        path: [],
        tensors: withoutPrefixes((await readSafetensors(path)).tensors, refuse),
      };
    }
    const text = (from: number, to: number): string => String.fromCharCode(...start.subarray(from, to));
    if (text(257, 262) === 'ustar')
      throw new UserError(
        `${path} is a tar archive, PyTorch's form before 0.2. Load it with an old PyTorch and save its state dict anew.`,
      );
    const isZip = text(0, 4) === 'PK\x03\x04';
    const isPickle = start[0] === 0x80;
    const refuse = (reason: string): UserError =>
      new UserError(
        isZip || isPickle
          ? `${path} is refused: ${reason}.`
          : `${path} is neither a file of torch.save nor a safetensors file (${reason}).`,
      );
    const contents = await (isZip ? openTorchZip : openTorchLegacy)(file, size, refuse);
    const { dict, path: keys } = findStateDict(contents.value, key, refuse);
    const named = new Map<string, TorchTensor>();
    for (const [name, value] of dict) if (typeof name === 'string' && isTorchTensor(value)) named.set(name, value);
    const tensors = await readTensors(withoutPrefixes(named, refuse), contents, size, refuse);
    return { format: contents.format, path: keys, tensors };
  } finally {
    await file.close();
  }
};

/** The state dict of a PyTorch checkpoint. See `readTorchFile`. */
export const readTorch = async (path: string): Promise<StateDict> => (await readTorchFile(path)).tensors;
