/** Damaged and malicious files out of sound ones: each is the source and a seed, so that it can be made again. */
import assert from 'node:assert/strict';
import { UserError } from '../src/errors.js';
import { createRng, type Rng } from '../src/random.js';

/** Mutations of each kind: so many in a common run of the tests, CIARD_FUZZ of them in a long one. */
export const fuzzBudget = (common: number): number => Number(process.env['CIARD_FUZZ'] ?? common);

const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.integer(of.length)]!;

/** Whole numbers at which readers go wrong. */
const edges = [0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn];
const wideEdges = [...edges, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
/** The same as text, for headers in JSON and in octal. */
const numerals = ['0', '-1', '7', '77777777777', '240002', '1e309', '1e-320', '9007199254740993', '0.5', 'null', '""'];

/** A place in the file: half of the time near its ends, where headers and directories are. */
const place = (rng: Rng, length: number): number => {
  const at = rng.integer(Math.max(1, length));
  if (rng.uniform() < 0.5) return at;
  const near = Math.min(rng.integer(2048), Math.max(0, length - 1));
  return rng.uniform() < 0.5 ? near : Math.max(0, length - 1 - near);
};

const spliced = (bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);

type Mutation = (rng: Rng, bytes: Uint8Array, other: Uint8Array) => Uint8Array;

const withIntegerAt: Mutation = (rng, bytes) => {
  const copy = Buffer.from(bytes);
  const width = pick(rng, [2, 4, 8]);
  if (copy.length < width) return copy;
  const at = Math.min(place(rng, copy.length), copy.length - width);
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(pick(rng, wideEdges));
  const bytesOf = value.subarray(0, width);
  copy.set(rng.uniform() < 0.7 ? bytesOf : bytesOf.reverse(), at);
  return copy;
};

const mutations: readonly Mutation[] = [
  // A flipped bit, a changed byte.
  (rng, bytes) => {
    const copy = Uint8Array.from(bytes);
    if (copy.length > 0) copy[place(rng, copy.length)]! ^= 1 << rng.integer(8);
    return copy;
  },
  (rng, bytes) => {
    const copy = Uint8Array.from(bytes);
    if (copy.length > 0) copy[place(rng, copy.length)] = pick(rng, [0, 0x7f, 0x80, 0xff, rng.integer(256)]);
    return copy;
  },
  withIntegerAt,
  withIntegerAt,
  // A number in a text.
  (rng, bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    const numbers = [...text.slice(0, 100_000).matchAll(/\d+(\.\d+)?/g)];
    if (numbers.length === 0) return bytes;
    const found = pick(rng, numbers);
    return spliced(bytes, found.index, found[0].length, Buffer.from(pick(rng, numerals)));
  },
  // Cut, removed, repeated, inserted, taken from another file.
  (rng, bytes) => bytes.slice(0, place(rng, bytes.length)),
  (rng, bytes) => spliced(bytes, place(rng, bytes.length), rng.integer(64), Buffer.alloc(0)),
  (rng, bytes) => {
    const from = place(rng, bytes.length);
    return spliced(bytes, place(rng, bytes.length), 0, bytes.slice(from, from + 1 + rng.integer(512)));
  },
  // A name of any length, where a name is.
  (rng, bytes) =>
    spliced(
      bytes,
      place(rng, bytes.length),
      0,
      Buffer.alloc(1 + rng.integer(20_000), pick(rng, ['a', 'a.', '0', '\x1b[2J'])),
    ),
  (rng, bytes) =>
    spliced(
      bytes,
      place(rng, bytes.length),
      0,
      Uint8Array.from({ length: 1 + rng.integer(32) }, () => rng.integer(256)),
    ),
  (rng, bytes, other) => {
    const from = place(rng, other.length);
    const part = other.slice(from, from + 1 + rng.integer(1024));
    return spliced(bytes, place(rng, bytes.length), rng.uniform() < 0.5 ? part.length : 0, part);
  },
];

/** One of `sources`, mutated once to four times. */
export const mutated = (rng: Rng, sources: readonly Uint8Array[]): Uint8Array => {
  let bytes = pick(rng, sources);
  const times = pick(rng, [1, 1, 1, 2, 2, 3, 4]);
  for (let i = 0; i < times; i++) bytes = pick(rng, mutations)(rng, bytes, pick(rng, sources));
  return bytes;
};

/** Seconds that reading a small file may take at most, on a loaded machine too. */
const patience = 30;
/** The longest message that is still one clear error. */
const longestMessage = 4100;

/**
 * Tries `count` mutations, seeds 0, 1, …: `attempt` makes the file of a generator and reads it. It must end, in time, with
 * what was read or with one UserError. CIARD_FUZZ_SEED=7 tries seed 7 alone.
 * @param check called after each; throws where something is there that should not be
 */
export const fuzz = async (
  kind: string,
  count: number,
  attempt: (rng: Rng) => Promise<unknown>,
  check: (accepted: boolean) => void = () => undefined,
): Promise<void> => {
  const only = process.env['CIARD_FUZZ_SEED'];
  const seeds = only === undefined ? Array.from({ length: count }, (_, seed) => seed) : [Number(only)];
  const failures: string[] = [];
  const outcome = { accepted: 0, refused: 0 };
  const memoryBefore = process.resourceUsage().maxRSS;
  for (const seed of seeds) {
    const began = performance.now();
    try {
      let accepted = true;
      try {
        await attempt(createRng(seed).fork('fuzz', kind));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        assert.ok(error.message.length <= longestMessage, `a message of ${error.message.length} characters`);
        assert.ok(!error.message.includes('\x1b'), 'it holds what a terminal obeys');
        assert.doesNotMatch(error.message, /\[object |(?<!received )\bundefined\b|\n {4}at /);
        accepted = false;
      }
      outcome[accepted ? 'accepted' : 'refused']++;
      check(accepted);
      const seconds = (performance.now() - began) / 1000;
      assert.ok(seconds < patience, `it took ${seconds.toFixed(0)} s`);
    } catch (error) {
      failures.push(`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      if (failures.length >= 5) break;
    }
  }
  // In kilobytes. The files are small: what they ask for must not be given.
  const grown = process.resourceUsage().maxRSS - memoryBefore;
  if (process.env['CIARD_FUZZ'] !== undefined)
    process.stderr.write(
      `fuzz ${kind}: ${outcome.accepted} accepted, ${outcome.refused} refused, ${failures.length} failed; +${Math.round(grown / 1024)} MB\n`,
    );
  assert.deepEqual(failures, [], kind);
  assert.ok(grown < 1.5e6, `${kind}: memory grew by ${grown} kB`);
  // What damages nothing tests nothing.
  if (only === undefined) assert.ok(outcome.refused > count / 4, `${kind}: ${outcome.refused} refused`);
};
