/**
 * The files of `torch.save` before 1.6: five pickles in a row (a magic number, the version, the machine, the value, the keys
 * of the storages), then each storage: its number of elements as an int64, and the elements, little-endian whatever the machine.
 */
import type { FileHandle } from 'node:fs/promises';
import type { UserError } from '../errors.js';
import { pickleLimit, unpickle } from './pickle.js';
import { readRange } from '../read-range.js';
import { bytesPerElement } from './state-dict.js';
import { torchPickle } from './torch-pickle.js';
import type { TorchContents } from './torch-pickle.js';

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

/** @throws UserError (of `refuse`) where the file is damaged, hostile, or not of `torch.save` */
export const openTorchLegacy = async (
  file: FileHandle,
  size: number,
  refuse: (reason: string) => UserError,
): Promise<TorchContents> => {
  const { options, storages } = torchPickle(refuse);
  const beginning = await readRange(file, 0, Math.min(size, pickleLimit));
  const magic = unpickle(beginning, options);
  if (magic.value !== magicNumber) throw refuse('its first value is not the magic number of torch.save');
  const version = unpickle(beginning, options, magic.end);
  if (version.value !== protocolVersion) throw refuse(`its version is not ${protocolVersion}, the only one there is`);
  const machine = unpickle(beginning, options, version.end);
  const value = unpickle(beginning, options, machine.end);
  const keys = unpickle(beginning, options, value.end);
  if (!Array.isArray(keys.value)) throw refuse('it has no list of its storages');

  const starts = new Map<string, number>();
  let at = keys.end;
  for (const key of keys.value as unknown[]) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage) throw refuse('it lists a storage that no tensor has');
    if (starts.has(storage.key)) throw refuse(`it lists the storage '${storage.key}' twice`);
    if (at + 8 > size) throw refuse(`it ends before the storage '${storage.key}'`);
    const count = await readRange(file, at, 8);
    const declared = new DataView(count.buffer).getBigInt64(0, true);
    if (declared !== BigInt(storage.size))
      throw refuse(
        `the storage '${storage.key}' has ${declared.toString()} elements, and its tensors want ${storage.size}`,
      );
    starts.set(storage.key, at + 8);
    at += 8 + storage.size * bytesPerElement(storage.dtype);
    if (at > size) throw refuse(`it ends in the middle of the storage '${storage.key}'`);
  }
  return {
    format: 'legacy',
    value: value.value,
    littleEndian: true,
    readStorage: (storage) => {
      const start = starts.get(storage.key);
      if (start === undefined) throw refuse(`the storage '${storage.key}' is missing in it`);
      return readRange(file, start, storage.size * bytesPerElement(storage.dtype));
    },
  };
};
