/**
 * The zip archives of `torch.save` since 1.6: NAME/data.pkl is the pickle, NAME/data/KEY a storage, NAME/byteorder the
 * order of its bytes. PyTorch never compresses; an archive that does is refused, so that what is declared bounds what is read.
 */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { messageOf, UserError } from '../errors.js';
import { openZip, type ZipArchive, type ZipEntry } from '../zip.js';
import { pickleLimit, unpickle } from './pickle.js';
import { bytesPerElement } from './state-dict.js';
import { torchPickle } from './torch-pickle.js';
import type { TorchContents } from './torch-pickle.js';

/** The most files that an archive may hold: one a storage. */
const entryLimit = 200_000;

/** @throws UserError (of `refuse`) where the archive is damaged, hostile, or not of `torch.save` */
export const openTorchZip = async (
  file: FileHandle,
  size: number,
  refuse: (reason: string) => UserError,
): Promise<TorchContents> => {
  const damaged = (error: unknown): UserError =>
    error instanceof UserError ? error : refuse(`its zip archive is damaged (${messageOf(error)})`);

  let zip: ZipArchive;
  const entries = new Map<string, ZipEntry>();
  try {
    zip = await openZip(file, size);
    if (zip.entryCount > entryLimit) throw refuse(`it holds ${zip.entryCount} files (at most ${entryLimit})`);
    let total = 0;
    for await (const entry of zip.entries()) {
      const name = entry.fileName;
      if (entries.has(name)) throw refuse(`it holds '${name}' twice`);
      entries.set(name, entry);
    }
    // Told first: TorchScript compresses its code.
    if ([...entries.keys()].some((name) => /^[^/]+\/(code\/|constants\.pkl$)/.test(name)))
      throw refuse(
        'it is a TorchScript archive, which holds code. In PyTorch: torch.save(torch.jit.load(FILE).state_dict(), …)',
      );
    for (const [name, entry] of entries) {
      if (entry.isEncrypted()) throw refuse(`'${name}' in it is encrypted`);
      if (entry.compressionMethod !== 0 || entry.compressedSize !== entry.uncompressedSize)
        throw refuse(`'${name}' in it is compressed, which PyTorch never does`);
      total += entry.uncompressedSize;
      if (total > size) throw refuse(`its files claim ${total} bytes, and the archive has ${size}`);
    }
  } catch (error) {
    throw damaged(error);
  }

  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw refuse(`it is a zip archive without the one data.pkl that torch.save writes`);
  const root = pickles[0]!.slice(0, -'data.pkl'.length);

  // torch.serialization.set_crc32_options(False) writes 0 for all of them.
  const hasChecksums = [...entries.values()].some((entry) => entry.crc32 !== 0);

  const read = async (name: string, wanted?: number): Promise<Uint8Array> => {
    const entry = entries.get(name);
    if (!entry) throw refuse(`'${name}' is missing in it`);
    if (wanted !== undefined && entry.uncompressedSize !== wanted)
      throw refuse(`'${name}' in it has ${entry.uncompressedSize} bytes, and its tensors take ${wanted}`);
    let bytes: Uint8Array;
    try {
      bytes = await zip.read(entry);
    } catch (error) {
      throw refuse(`'${name}' in it is damaged (${messageOf(error)})`);
    }
    if (hasChecksums && crc32(bytes) !== entry.crc32)
      throw refuse(`the checksum of '${name}' is wrong: the file is damaged. Get it again`);
    return bytes;
  };

  const order = entries.has(`${root}byteorder`) ? new TextDecoder().decode(await read(`${root}byteorder`)) : 'little';
  if (order !== 'little' && order !== 'big') throw refuse(`its byteorder is neither 'little' nor 'big'`);

  const length = entries.get(`${root}data.pkl`)!.uncompressedSize;
  if (length > pickleLimit) throw refuse(`its pickle has ${length} bytes (at most ${pickleLimit})`);
  const { options } = torchPickle(refuse);
  const { value } = unpickle(await read(`${root}data.pkl`), options);
  return {
    format: 'zip',
    value,
    littleEndian: order === 'little',
    readStorage: ({ key, size: elements, dtype }) => read(`${root}data/${key}`, elements * bytesPerElement(dtype)),
  };
};
