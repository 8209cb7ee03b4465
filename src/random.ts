import { createHash } from 'node:crypto';
import { randomNormal } from 'd3-random';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/**
 * A seeded source of randomness. Randomness is an argument everywhere: whatever draws takes an `Rng`, and two runs with
 * the same seed draw the same numbers on every machine.
 */
export interface Rng {
  /** One double, uniform in [0, 1). */
  uniform(): number;
  /** One double, normal with mean 0 and standard deviation 1. */
  normal(): number;
  /** One whole number, uniform in [0, limit). */
  integer(limit: number): number;
  /** `size` float32 values, uniform in [low, high). */
  uniforms(size: number, low?: number, high?: number): Float32Array;
  /** `size` float32 values, normal with mean 0 and the given standard deviation. */
  normals(size: number, standardDeviation?: number): Float32Array;
  /** The numbers 0 … size − 1 in random order (Fisher-Yates). */
  permutation(size: number): Uint32Array;
  /**
   * An independent source, named by its path: `rng.fork('epoch', 3)` depends on this source's own name and the labels
   * alone, never on what was drawn before. So a resumed run draws what an uninterrupted one would have drawn.
   */
  fork(...labels: (string | number)[]): Rng;
}

const fromName = (name: string): Rng => {
  const digest = createHash('sha256').update(name).digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((at) => digest.readInt32LE(at)));
  const uniform = (): number => uniformFloat64(generator);
  const normal = randomNormal.source(uniform)(0, 1);
  return {
    uniform,
    normal,
    integer: (limit) => uniformInt(generator, 0, limit - 1),
    uniforms(size, low = 0, high = 1) {
      const values = new Float32Array(size);
      // 24 random bits are what a float32 in [0, 1) can hold.
      for (let i = 0; i < size; i++) values[i] = low + ((high - low) * (generator.next() >>> 8)) / 2 ** 24;
      return values;
    },
    normals(size, standardDeviation = 1) {
      const values = new Float32Array(size);
      for (let i = 0; i < size; i++) values[i] = standardDeviation * normal();
      return values;
    },
    permutation(size) {
      const order = Uint32Array.from({ length: size }, (_, i) => i);
      for (let i = size - 1; i > 0; i--) {
        const j = uniformInt(generator, 0, i);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      return order;
    },
    fork: (...labels) => fromName([name, ...labels].join('/')),
  };
};

/** The source of randomness that belongs to `seed`. */
export const createRng = (seed: number): Rng => fromName(`ciard/${seed}`);
