import type { ImageSet, RecordLayout } from './records.js';
import { imageBytes, recordBytes } from './records.js';

/**
 * Finds the damaged record of a set of which only sums are known.
 *
 * An MD5 says that something is wrong among 50,000 records, not where, and the archives' order is not the canonical one.
 * So each class has two sums on record, of its images' hashes h and of their squares. The hash is linear in the bytes:
 * h = Σ byteᵢ wᵢ modulo the prime 2³¹ − 1. One damaged image moves the sums by d₁ = h′ − h and d₂ = h′² − h², which give
 * h′ = (d₂ / d₁ + d₁) / 2, the hash of the damaged image as it is now: its record is found. If a single byte is damaged,
 * d₁ = δ wᵢ names the byte and the right value. An image under a wrong label is a surplus in one class and a lack in another.
 * (Power sums as syndromes, as decoders of BCH codes use them.)
 */
export interface Sums {
  /** Class by class: the sum of the hashes, the sum of their squares. */
  readonly classes: readonly (readonly [number, number])[];
}

/** One damaged record. */
export interface Damage {
  /** Its place among the records as they were given. */
  readonly record: number;
  /** The offset in the record of the only wrong byte, where it is only one, and what it should be. */
  readonly byte?: { readonly offset: number; readonly wanted: number };
}

const prime = 2 ** 31 - 1;
const p = BigInt(prime);
/** A primitive root of the prime. */
const root = 16_807;

const mod = (value: bigint): bigint => ((value % p) + p) % p;

const inverse = (value: bigint): bigint => {
  // Fermat: value^(p − 2).
  let result = 1n;
  let base = mod(value);
  for (let exponent = p - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * base) % p;
    base = (base * base) % p;
  }
  return result;
};

const weights = (count: number): Float64Array => {
  const powers = new Float64Array(count);
  for (let i = 0, power = root; i < count; i++, power = (power * root) % prime) powers[i] = power;
  return powers;
};

interface Hashed {
  readonly hashes: Float64Array;
  /** The records of each class. */
  readonly members: readonly (readonly number[])[];
  readonly sums: readonly (readonly [bigint, bigint])[];
}

/** The records' hashes; of whole, undamaged records the sums are what `Sums` holds. */
export const hashRecords = (records: Uint8Array, layout: RecordLayout): Hashed => {
  const size = recordBytes(layout);
  const bytes = imageBytes(layout);
  const w = weights(bytes);
  const count = records.length / size;
  const hashes = new Float64Array(count);
  const members = Array.from({ length: layout.classes }, (): number[] => []);
  for (let record = 0; record < count; record++) {
    const at = record * size + layout.headBytes;
    // Below 3,072 · 255 · 2³¹ < 2⁵³: exact.
    let sum = 0;
    for (let i = 0; i < bytes; i++) sum += records[at + i]! * w[i]!;
    hashes[record] = sum % prime;
    members[records[at - 1]!]!.push(record);
  }
  const sums = members.map((of): [bigint, bigint] => {
    let first = 0n;
    let second = 0n;
    for (const record of of) {
      const hash = BigInt(hashes[record]!);
      first += hash;
      second += hash * hash;
    }
    return [first % p, second % p];
  });
  return { hashes, members, sums };
};

/**
 * The damaged records among `records`, as far as sums can tell: at most one a class. An empty list says that the damage
 * is larger than that, not that there is none.
 *
 * @param records Whole records in any order, labels in range.
 * @param perClass How many images each class should have.
 */
export const locateDamage = (
  records: Uint8Array,
  layout: RecordLayout,
  { classes }: Sums,
  perClass: number,
): Damage[] => {
  const { hashes, members, sums } = hashRecords(records, layout);
  const size = recordBytes(layout);
  const found: Damage[] = [];
  const off = classes.map(([first, second], label) => ({
    label,
    surplus: members[label]!.length - perClass,
    d1: mod(sums[label]![0] - BigInt(first)),
    d2: mod(sums[label]![1] - BigInt(second)),
  }));
  const withHash = (label: number, hash: bigint): number | undefined =>
    members[label]!.find((record) => BigInt(hashes[record]!) === hash);
  for (const { label, surplus, d1, d2 } of off) {
    if (d1 === 0n) continue;
    if (surplus === 1 && mod(d1 * d1) === d2) {
      const record = withHash(label, d1);
      const home = off.find((other) => other.surplus === -1 && mod(other.d1 + d1) === 0n);
      if (record !== undefined && home) {
        found.push({ record, byte: { offset: layout.headBytes - 1, wanted: home.label } });
      }
    }
    if (surplus !== 0) continue;
    const record = withHash(label, mod((d2 * inverse(d1) + d1) * inverse(2n)));
    if (record === undefined) continue;
    const inverseRoot = inverse(BigInt(root));
    let delta = d1;
    let byte: Damage['byte'];
    for (let i = 0; i < imageBytes(layout) && !byte; i++) {
      delta = (delta * inverseRoot) % p;
      const signed = Number(delta > p / 2n ? delta - p : delta);
      const offset = layout.headBytes + i;
      const wanted = records[record * size + offset]! - signed;
      if (Math.abs(signed) <= 255 && wanted >= 0 && wanted <= 255) byte = { offset, wanted };
    }
    found.push({ record, ...(byte && { byte }) });
  }
  return found.sort((a, b) => a.record - b.record);
};

export type KnownSums = Readonly<Record<ImageSet['part'], Sums>>;
