import { createRng, type Rng } from '../random.js';
import { inCanonicalOrder, recordBytes, type RecordLayout } from './records.js';

/**
 * The embedded data set: ten classes of 32 × 32 colour images in CIFAR-10's record format, made from a seed.
 *
 * An image holds two kinds of evidence for its class, in the sense of Ilyas et al., "Adversarial examples are not bugs,
 * they are features" (2019):
 *
 * - **robust**: one large shape, of the class's usual colour more often than not, on a smooth background. Pose, size,
 *   colour and contrast vary, a fainter shape of another class and clutter get in its way, so shape alone leaves some
 *   images in doubt. Its contrast is many times ε = 8/255.
 * - **non-robust**: in each colour channel a fine pattern of a few grey levels, another combination for each class. It is
 *   there in every image, so it predicts the class almost perfectly; a perturbation within ε = 8/255 erases it and
 *   writes another class's instead.
 *
 * So natural training becomes accurate on the patterns and breaks under attack; adversarial training is left with the
 * shapes. All arithmetic is on whole numbers or is exactly rounded (+ − × ÷), so every machine makes the same bytes.
 */
export const syntheticClasses: readonly string[] = [
  'disc',
  'ring',
  'square',
  'frame',
  'triangle',
  'cross',
  'saltire',
  'bar',
  'pillar',
  'pair',
];

/** Images a part. */
export const syntheticRecords = { train: 5000, test: 1000 } as const;

/** Every knob of the generator. A change of one changes the bytes: pin the set anew (`data.dvc`). */
export const syntheticSettings = {
  seed: 1,
  trainRecords: syntheticRecords.train,
  testRecords: syntheticRecords.test,
  /** Grey levels of the non-robust pattern, ±. At most 4 is erased and overwritten within ε = 8/255. */
  patternAmplitude: 4,
  /** Grey levels of the pixel noise: the sum of two uniform draws in ± this. */
  noise: 4,
  /** Grey levels between which the background's corners lie. */
  backgroundLow: 30,
  backgroundHigh: 130,
  /** Grey levels of the shape's colour: its strong channels and its weak ones. */
  colourStrong: 230,
  colourWeak: 70,
  /** Grey levels by which each channel of the colour varies, ±. */
  colourSpread: 45,
  /** Percent of images whose shape has its class's usual colour. */
  usualColourPercent: 45,
  /** Opacity of the shape, in percent. */
  opacityLow: 45,
  opacityHigh: 95,
  /** Opacity of the fainter shape of another class, in percent. */
  distractorLow: 0,
  distractorHigh: 30,
  /** Half-sizes of the shape, in sixteenths of a pixel. */
  radiusLow: 112,
  radiusHigh: 200,
  /** Greatest distance of the shape's centre from the image's, a side, in sixteenths of a pixel. */
  shift: 80,
  /** Greatest tangent of half the turning angle, in thousandths (200: 22.6°). */
  turn: 200,
  /** Small clutter: at most this many discs an image, and their opacity in percent. */
  clutter: 4,
  clutterOpacity: 60,
} as const;

const size = 32;
const channels = 3;
const plane = size * size;

export const syntheticLayout: RecordLayout = {
  headBytes: 1,
  height: size,
  width: size,
  classes: syntheticClasses.length,
};

/** Is the point (u, v) inside the shape? The shape's half-size is 1, v points down. In the order of the classes. */
const shapes: readonly ((u: number, v: number) => boolean)[] = [
  (u, v) => u * u + v * v <= 0.81,
  (u, v) => u * u + v * v <= 1 && u * u + v * v >= 0.36,
  (u, v) => Math.max(Math.abs(u), Math.abs(v)) <= 0.8,
  (u, v) => Math.max(Math.abs(u), Math.abs(v)) <= 0.88 && Math.max(Math.abs(u), Math.abs(v)) >= 0.5,
  (u, v) => v <= 0.75 && Math.abs(u) <= 0.6 * (v + 1),
  (u, v) => Math.min(Math.abs(u), Math.abs(v)) <= 0.28 && Math.max(Math.abs(u), Math.abs(v)) <= 1,
  (u, v) => Math.min(Math.abs(u + v), Math.abs(u - v)) <= 0.4 && Math.max(Math.abs(u + v), Math.abs(u - v)) <= 1.4,
  (u, v) => Math.abs(v) <= 0.35 && Math.abs(u) <= 1,
  (u, v) => Math.abs(u) <= 0.35 && Math.abs(v) <= 1,
  (u, v) => (Math.abs(u) - 0.55) * (Math.abs(u) - 0.55) + v * v <= 0.17,
];

/** The strong (1), middle (.5) and weak (0) channels of each class's usual colour. */
const colours: readonly (readonly [number, number, number])[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
  [1, 1, 0],
  [1, 0, 1],
  [0, 1, 1],
  [1, 1, 1],
  [1, 0.5, 0],
  [0, 0.5, 1],
  [0.5, 1, 0.5],
];

/** The fine patterns, each ±1 with mean 0 over the image; any two are orthogonal. */
const carriers: readonly ((x: number, y: number) => 1 | -1)[] = [
  (x) => (x & 1 ? -1 : 1),
  (_x, y) => (y & 1 ? -1 : 1),
  (x, y) => ((x + y) & 1 ? -1 : 1),
  (x) => (x & 2 ? -1 : 1),
  (_x, y) => (y & 2 ? -1 : 1),
];

/**
 * The carrier of each channel, class by class: (a, a + b, a + 2b) modulo 5 for b in 0 and 1. Two classes agree in at most
 * one channel.
 */
const codes: readonly (readonly number[])[] = syntheticClasses.map((_, label) => {
  const a = label % 5;
  const b = label < 5 ? 0 : 1;
  return [a, (a + b) % 5, (a + 2 * b) % 5];
});

/** The non-robust pattern of a class: `[3, 32, 32]` of ±1. It is invisible at ± `patternAmplitude` grey levels. */
export const syntheticPattern = (label: number): Int8Array => {
  const pattern = new Int8Array(channels * plane);
  codes[label]!.forEach((carrier, channel) => {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) pattern[channel * plane + y * size + x] = carriers[carrier]!(x, y);
    }
  });
  return pattern;
};

/** One whole number, uniform in [low, high]. */
const between = (rng: Rng, low: number, high: number): number => low + rng.integer(high - low + 1);

/** Points a pixel and side at which a shape's edge is sampled. */
const samples = 3;

interface Pose {
  /** Centre and half-size in pixels; cosine and sine of the turning angle. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly cosine: number;
  readonly sine: number;
}

/** How much of each pixel a shape covers: `[32, 32]` in 0 … samples². */
const coverage = (
  inside: (u: number, v: number) => boolean,
  { x: cx, y: cy, radius, cosine, sine }: Pose,
): Uint8Array => {
  const covered = new Uint8Array(plane);
  // √2: a turned square's corner.
  const reach = radius * 1.4143 + 1;
  const first = (centre: number): number => Math.max(0, Math.floor(centre - reach));
  const last = (centre: number): number => Math.min(size - 1, Math.ceil(centre + reach));
  for (let y = first(cy); y <= last(cy); y++) {
    for (let x = first(cx); x <= last(cx); x++) {
      let count = 0;
      for (let j = 0; j < samples; j++) {
        const dy = (y + (2 * j + 1) / (2 * samples) - cy) / radius;
        for (let i = 0; i < samples; i++) {
          const dx = (x + (2 * i + 1) / (2 * samples) - cx) / radius;
          if (inside(dx * cosine + dy * sine, dy * cosine - dx * sine)) count++;
        }
      }
      covered[y * size + x] = count;
    }
  }
  return covered;
};

const pose = (rng: Rng): Pose => {
  const { radiusLow, radiusHigh, shift, turn } = syntheticSettings;
  // A rational point of the unit circle: no sine, whose last bit differs from engine to engine.
  const t = between(rng, -turn, turn) / 1000;
  return {
    radius: between(rng, radiusLow, radiusHigh) / 16,
    x: size / 2 + between(rng, -shift, shift) / 16,
    y: size / 2 + between(rng, -shift, shift) / 16,
    cosine: (1 - t * t) / (1 + t * t),
    sine: (2 * t) / (1 + t * t),
  };
};

const colour = (rng: Rng, of: number): number[] => {
  const { colourStrong, colourWeak, colourSpread } = syntheticSettings;
  return colours[of]!.map(
    (strength) => colourWeak + strength * (colourStrong - colourWeak) + between(rng, -colourSpread, colourSpread),
  );
};

/** Lays a colour over the part of the image that is covered. */
const paint = (image: Float64Array, covered: Uint8Array, over: readonly number[], opacityPercent: number): void => {
  for (let i = 0; i < plane; i++) {
    if (covered[i] === 0) continue;
    const share = (opacityPercent * covered[i]!) / (100 * samples * samples);
    for (let c = 0; c < channels; c++) image[c * plane + i]! += share * (over[c]! - image[c * plane + i]!);
  }
};

/** A smooth background: 3 × 3 grey levels a channel, interpolated. */
const paintBackground = (image: Float64Array, rng: Rng): void => {
  const { backgroundLow, backgroundHigh } = syntheticSettings;
  const half = size / 2;
  for (let c = 0; c < channels; c++) {
    const grid = Array.from({ length: 9 }, () => between(rng, backgroundLow, backgroundHigh));
    for (let y = 0; y < size; y++) {
      const row = y < half ? 0 : 1;
      const v = (y - row * half) / half;
      for (let x = 0; x < size; x++) {
        const column = x < half ? 0 : 1;
        const u = (x - column * half) / half;
        const at = 3 * row + column;
        const top = grid[at]! + u * (grid[at + 1]! - grid[at]!);
        const bottom = grid[at + 3]! + u * (grid[at + 4]! - grid[at + 3]!);
        image[c * plane + y * size + x] = top + v * (bottom - top);
      }
    }
  }
};

/** One image of class `label`: `[3, 32, 32]` bytes. */
const drawImage = (label: number, rng: Rng, pattern: Int8Array): Uint8Array => {
  const {
    patternAmplitude,
    noise,
    usualColourPercent,
    opacityLow,
    opacityHigh,
    distractorLow,
    distractorHigh,
    clutter,
    clutterOpacity,
  } = syntheticSettings;
  const image = new Float64Array(channels * plane);
  const classes = shapes.length;
  paintBackground(image, rng);
  for (let left = rng.integer(clutter + 1); left > 0; left--) {
    const at = {
      x: between(rng, 0, size),
      y: between(rng, 0, size),
      radius: between(rng, 16, 48) / 16,
      cosine: 1,
      sine: 0,
    };
    paint(image, coverage(shapes[0]!, at), colour(rng, rng.integer(classes)), between(rng, 10, clutterOpacity));
  }
  const other = (label + 1 + rng.integer(classes - 1)) % classes;
  paint(
    image,
    coverage(shapes[other]!, pose(rng)),
    colour(rng, rng.integer(classes)),
    between(rng, distractorLow, distractorHigh),
  );
  const usual = rng.integer(100) < usualColourPercent;
  paint(
    image,
    coverage(shapes[label]!, pose(rng)),
    colour(rng, usual ? label : rng.integer(classes)),
    between(rng, opacityLow, opacityHigh),
  );
  const bytes = new Uint8Array(channels * plane);
  // The pattern keeps its full amplitude: nothing is cut off at black or white.
  const low = patternAmplitude;
  const high = 255 - patternAmplitude;
  for (let i = 0; i < bytes.length; i++) {
    const grain = between(rng, -noise, noise) + between(rng, -noise, noise);
    const level = Math.floor(image[i]! + 0.5) + grain;
    bytes[i] = Math.min(high, Math.max(low, level)) + patternAmplitude * pattern[i]!;
  }
  return bytes;
};

/**
 * Makes one part of the set: canonical records, the same bytes on every machine, the classes in equal numbers.
 * An image is drawn from its own source of randomness, so a larger part begins with the images of a smaller one.
 */
export const makeSynthetic = (
  part: 'train' | 'test',
  { records = syntheticRecords[part], seed = syntheticSettings.seed }: { records?: number; seed?: number } = {},
): Buffer => {
  const rng = createRng(seed).fork('synthetic', part);
  const patterns = syntheticClasses.map((_, label) => syntheticPattern(label));
  const each = recordBytes(syntheticLayout);
  const bytes = Buffer.allocUnsafe(records * each);
  for (let i = 0; i < records; i++) {
    const label = i % syntheticClasses.length;
    bytes[i * each] = label;
    bytes.set(drawImage(label, rng.fork(i), patterns[label]!), i * each + 1);
  }
  return inCanonicalOrder(bytes, syntheticLayout);
};
