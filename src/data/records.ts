import { UserError } from '../errors.js';
import type { DatasetName } from './names.js';

/**
 * One part of a data set in memory.
 *
 * `pixels` are the bytes of the records: `[N, 3, H, W]`, the red plane, the green one, the blue one, as the official
 * CIFAR files hold them. `labels` are the (fine) labels, one byte each.
 */
export interface ImageSet {
  readonly name: DatasetName;
  readonly part: 'train' | 'test';
  readonly length: number;
  readonly height: number;
  readonly width: number;
  readonly classes: readonly string[];
  /** `[N, 3, H, W]` bytes. */
  readonly pixels: Uint8Array;
  /** `[N]` fine labels. */
  readonly labels: Uint8Array;
  /** MD5 of its records, as the canonical file holds them: what a run and a result name as their data. */
  readonly md5: string;
}

/** How one record lies in a file: `headBytes` label bytes, then `3 · height · width` image bytes in planes. */
export interface RecordLayout {
  /** 1, or 2 where a coarse label precedes the fine one (CIFAR-100). */
  readonly headBytes: 1 | 2;
  readonly height: number;
  readonly width: number;
  /** Number of (fine) classes. */
  readonly classes: number;
  /** The coarse class of each fine one, where records hold a coarse label. */
  readonly coarse?: readonly number[];
}

/** Bytes of a record's image. */
export const imageBytes = ({ height, width }: RecordLayout): number => 3 * height * width;

/** Bytes of a record: its labels and its image. */
export const recordBytes = (layout: RecordLayout): number => layout.headBytes + imageBytes(layout);

/**
 * Refuses records whose labels cannot be.
 * @param records Whole records, one after another.
 * @param where Names the file in the message; `origin` is the offset of `records` in that file.
 * @throws UserError naming the file and the byte of the first label out of range, or of a coarse label that is not the
 * one of its fine label.
 */
export const checkLabels = (records: Uint8Array, layout: RecordLayout, where: string, origin = 0): void => {
  const size = recordBytes(layout);
  const fineAt = layout.headBytes - 1;
  for (let at = 0, record = 0; at < records.length; at += size, record++) {
    const fine = records[at + fineAt]!;
    if (fine >= layout.classes) {
      throw new UserError(
        `${where}: byte ${origin + at + fineAt} (label of record ${record}) is ${fine}, wanted 0 to ${layout.classes - 1}. ` +
          'The file is corrupt or belongs to another data set.',
      );
    }
    if (layout.coarse && records[at] !== layout.coarse[fine]) {
      throw new UserError(
        `${where}: byte ${origin + at} (coarse label of record ${record}) is ${records[at]!}, but fine label ${fine} belongs to ` +
          `coarse label ${layout.coarse[fine]!}. The file is corrupt or belongs to another data set.`,
      );
    }
  }
};

/**
 * The canonical order of records: by (fine) label, then by the image's bytes compared as unsigned. It depends on the
 * images and labels alone, not on the archive that they came from.
 * @param records Whole records, one after another.
 * @returns The position in `records` of each canonical record.
 */
const canonicalOrder = (records: Uint8Array, layout: RecordLayout): Uint32Array => {
  const size = recordBytes(layout);
  const count = records.length / size;
  const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength);
  // Label and first five image bytes as one number: nearly every comparison ends there.
  const key = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * size + layout.headBytes;
    key[i] = bytes[at - 1]! * 2 ** 40 + bytes.readUIntBE(at, 5);
  }
  return Uint32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) =>
      key[a]! - key[b]! ||
      bytes.compare(bytes, b * size + layout.headBytes, (b + 1) * size, a * size + layout.headBytes, (a + 1) * size),
  );
};

/** `records` in canonical order, as the canonical file holds them. */
export const inCanonicalOrder = (records: Uint8Array, layout: RecordLayout): Buffer => {
  const size = recordBytes(layout);
  const sorted = Buffer.allocUnsafe(records.length);
  canonicalOrder(records, layout).forEach((from, to) => {
    sorted.set(records.subarray(from * size, (from + 1) * size), to * size);
  });
  return sorted;
};

/** Takes records apart: the fine labels `[N]` and the image bytes `[N, 3, H, W]`. */
export const splitRecords = (records: Uint8Array, layout: RecordLayout): { labels: Uint8Array; pixels: Uint8Array } => {
  const size = recordBytes(layout);
  const image = imageBytes(layout);
  const count = records.length / size;
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(count * image);
  for (let i = 0; i < count; i++) {
    const at = i * size + layout.headBytes;
    labels[i] = records[at - 1]!;
    pixels.set(records.subarray(at, at + image), i * image);
  }
  return { labels, pixels };
};
