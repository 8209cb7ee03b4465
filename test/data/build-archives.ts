import { crc32, deflateRawSync } from 'node:zlib';
import { Header } from 'tar';

/** A member of an archive that a test builds, hostile ones included: nothing of it is checked. */
export interface TarMember {
  readonly path: string;
  readonly contents?: Uint8Array;
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'FIFO' | 'CharacterDevice';
  readonly linkpath?: string;
  /** The size that the header states, where it lies. */
  readonly statedSize?: number;
}

/** The bytes of a tar archive. */
export const tarOf = (members: readonly TarMember[]): Buffer => {
  const blocks: Buffer[] = [];
  for (const { path, contents = new Uint8Array(), type = 'File', linkpath, statedSize } of members) {
    const block = Buffer.alloc(512);
    const header = new Header({
      path,
      type,
      mode: 0o644,
      size: statedSize ?? contents.length,
      mtime: new Date(0),
      ...(linkpath !== undefined && { linkpath }),
    });
    header.encode(block, 0);
    blocks.push(block, Buffer.from(contents), Buffer.alloc((512 - (contents.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
};

export interface ZipMember {
  readonly path: string;
  readonly contents?: Uint8Array;
  readonly deflate?: boolean;
  /** Unix mode and type bits; a file's by default. */
  readonly mode?: number;
  readonly statedCrc?: number;
  readonly statedSize?: number;
}

/** The bytes of a zip archive. */
export const zipOf = (members: readonly ZipMember[]): Buffer => {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const {
    path,
    contents = new Uint8Array(),
    deflate = false,
    mode = 0o100644,
    statedCrc,
    statedSize,
  } of members) {
    const name = Buffer.from(path);
    const body = deflate ? deflateRawSync(contents) : Buffer.from(contents);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(deflate ? 8 : 0, 4);
    shared.writeUInt32LE(statedCrc ?? crc32(contents), 10);
    shared.writeUInt32LE(body.length, 14);
    shared.writeUInt32LE(statedSize ?? contents.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), shared, name, body]);
    const central = Buffer.alloc(46);
    Buffer.from('504b0102', 'hex').copy(central);
    // Made on Unix: its mode is meant.
    central.writeUInt16LE((3 << 8) | 20, 4);
    shared.copy(central, 6);
    central.writeUInt32LE((mode << 16) >>> 0, 38);
    central.writeUInt32LE(at, 42);
    directory.push(central, name);
    pieces.push(local);
    at += local.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  Buffer.from('504b0506', 'hex').copy(end);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...pieces, list, end]);
};
