import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { fromRandomAccessReaderPromise, RandomAccessReader, type Entry } from 'yauzl';
import { readRange } from './read-range.js';

export type ZipEntry = Entry;

/** A zip archive whose directory can be walked and whose entries can be read. */
export interface ZipArchive {
  readonly entryCount: number;
  /** @throws Error where the directory is damaged */
  readonly entries: () => AsyncIterable<ZipEntry>;
  /**
   * The contents of an entry, of the stated size; the caller bounds that, and checks the checksum.
   * @throws Error where it lies outside the file, is compressed in an unknown way, or is of another size
   */
  readonly read: (entry: ZipEntry) => Promise<Buffer>;
}

/**
 * A file as yauzl sees it. Its own reader passes whatever offset an archive states to Node, which throws where nobody can
 * catch it: inside a callback. Here a place outside the file is an error like any other.
 */
class FileReader extends RandomAccessReader {
  constructor(private readonly range: (position: number, length: number) => Promise<Uint8Array>) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    // Called outside of the promise: what a callback throws must not come back to it as an error of the reading.
    const call = (error: Error | null, bytesRead?: number): void => {
      setImmediate(callback, error, bytesRead);
    };
    this.range(position, length).then(
      (bytes) => {
        buffer.set(bytes, offset);
        call(null, length);
      },
      (error: unknown) => {
        call(error as Error);
      },
    );
  }
}

const inflate = promisify(inflateRaw);

/**
 * The zip archive in `file`, of `size` bytes. The file stays open and is the caller's to close.
 * @throws Error where it is none, or is damaged. Nothing is thrown but to who waits
 */
export const openZip = async (file: FileHandle, size: number): Promise<ZipArchive> => {
  const range = async (position: number, length: number): Promise<Uint8Array> => {
    if (!(position >= 0 && position + length <= size))
      throw new Error(`it refers to ${length} bytes from byte ${position}, and the file has ${size}`);
    return readRange(file, position, length);
  };
  const zip = await fromRandomAccessReaderPromise(new FileReader(range), size, { autoClose: false });
  return {
    entryCount: zip.entryCount,
    entries: () => zip.eachEntry(),
    async read(entry) {
      const { compressionMethod, compressedSize, uncompressedSize } = entry;
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      // Deflate adds at most 5 bytes to 16 KB. Entries may lie on top of one another: what is read must be worth it.
      if (compressedSize > uncompressedSize + uncompressedSize / 1024 + 1024)
        throw new Error(`its ${uncompressedSize} bytes take ${compressedSize} compressed`);
      const raw = await range(fileDataStart, compressedSize);
      if (compressionMethod !== 0 && compressionMethod !== 8)
        throw new Error(`it is compressed by method ${compressionMethod}, which is not known`);
      // A little more than is stated, so that more is noticed and not only cut.
      const contents =
        compressionMethod === 0
          ? Buffer.from(raw.buffer)
          : await inflate(raw, { maxOutputLength: uncompressedSize + 1 });
      if (contents.length !== uncompressedSize)
        throw new Error(`it has ${contents.length} bytes, and the archive states ${uncompressedSize}`);
      return contents;
    },
  };
};
