import * as tf from '@tensorflow/tfjs-core';
import { chooseRows } from '../engine/choose-rows.js';
import type { Tensors } from '../engine/gradient.js';
import type { Program, ProgramFunction } from '../engine/program.js';
import { readOut } from '../engine/read-out.js';
import type { Rng } from '../random.js';
import { imageRng, programSize, type Attack, type Target } from './attack.js';

/**
 * Attacks that walk from point to point for hundreds of steps and stop once they have found an adversarial image: APGD,
 * FAB, Square.
 *
 * Each point walks by itself. The tensors of many walks lie in the variables of one program, a row each, and one call of
 * its `step` moves all of them; what is a number a walk (step sizes, losses, iterations) is kept and decided on the host,
 * which sends a row of controls and receives a row of results. So no branch is needed in the graph, and the walks need
 * not be at the same iteration: whoever is through leaves, and the next point takes the row.
 */

/** What comes next for a walk. 'rewind': the same walk, after its images were taken through `rewind`. */
export type Verdict = 'on' | 'rewind' | 'adversarial' | 'over';

/** The host's side of one walk: a point may be walked several times, from several starts or towards several classes. */
export interface Walk {
  /** Begins the next run: the noise for `enter`, or nothing where there is none to begin any more. */
  start(): Float32Array | undefined;
  /** What the coming step is told, in the order of `controls`. */
  control(): readonly number[];
  /** What came of it, in the order of `results`. */
  observe(results: readonly number[]): Verdict;
  /** Which share of all its steps is done, 0 to 1. */
  share(): number;
}

/** A point whose walk begins. */
export interface WalkPoint {
  readonly label: number;
  /** Its own, whatever else is attacked. */
  readonly rng: Rng;
  /** Values in its image. */
  readonly size: number;
  /** The logits of its clean image. */
  readonly logits: Float32Array;
}

export type Images = Readonly<Record<string, tf.Tensor4D>>;

export interface Search {
  readonly name: string;
  readonly epsilon: number;
  readonly leastClasses?: number;
  /** The images of a walk, by name. */
  readonly images: readonly string[];
  /** Which of them is the adversarial one once a walk has found it. */
  readonly found: string;
  readonly controls: readonly string[];
  readonly results: readonly string[];
  /** The images of walks that begin. */
  enter(x: tf.Tensor4D, noise: tf.Tensor4D): Images;
  /** One step of every walk. Images that are not returned stay. */
  step(
    logits: (x: tf.Tensor4D) => tf.Tensor2D,
    controls: Readonly<Record<string, tf.Tensor1D>>,
    images: Images,
  ): { readonly results: Readonly<Record<string, tf.Tensor1D>>; readonly images: Images };
  rewind?(images: Images): Images;
  /** Begins walks; called once for an attack, so that walks can share what is drawn for all of them. */
  walks(target: Target, rng: Rng, warn: (message: string) => void): (point: WalkPoint) => Walk;
}

/** A row of the program. */
interface Row {
  readonly point: number;
  readonly walk: Walk;
  /** What `enter` is to be given before the next step. */
  noise?: Float32Array | undefined;
}

type Shape = [number, number, number, number];
type SearchProgram = Program<Record<'enter' | 'step' | 'rewind' | 'logits', ProgramFunction>>;

/** Rows beside each other: [B] → [B, 1, 1, 1]. */
export const perSample = (values: tf.Tensor1D): tf.Tensor4D => tf.reshape(values, [values.shape[0], 1, 1, 1]);

/** `chosen` where the mask (1 or 0 a sample) is 1, else `other`. */
export const choose = (mask: tf.Tensor1D, chosen: tf.Tensor4D, other: tf.Tensor4D): tf.Tensor4D =>
  chooseRows(tf.greater(mask, 0), chosen, other);

const recordProgram = (search: Search, target: Target, size: number): SearchProgram => {
  const shape: Shape = [size, target.imageSize, target.imageSize, 3];
  const mask = { shape: [size] };
  const masked = (mask: tf.Tensor, images: Images, state: Tensors): Tensors =>
    Object.fromEntries(
      Object.entries(images).map(([name, image]) => [
        name,
        choose(mask as tf.Tensor1D, image, state[name] as tf.Tensor4D),
      ]),
    );
  const state = tf.tidy(() => Object.fromEntries(search.images.map((name) => [name, tf.keep(tf.zeros(shape))])));
  try {
    return target.program(
      {
        enter: {
          inputs: { x: { shape }, noise: { shape }, mask },
          run: (_logits, given, images) => ({
            updates: masked(
              given['mask']!,
              search.enter(given['x'] as tf.Tensor4D, given['noise'] as tf.Tensor4D),
              images,
            ),
          }),
        },
        step: {
          inputs: { controls: { shape: [search.controls.length, size] } },
          run(logits, given, images) {
            const controls = tf.unstack(given['controls'] as tf.Tensor2D) as tf.Tensor1D[];
            const { results, images: updates } = search.step(
              logits,
              Object.fromEntries(search.controls.map((name, i) => [name, controls[i]!])),
              images as Images,
            );
            return {
              outputs: { results: tf.stack(search.results.map((name) => tf.cast(results[name]!, 'float32'))) },
              updates: updates,
            };
          },
        },
        rewind: {
          inputs: { mask },
          run: (_logits, given, images) => ({
            updates: masked(given['mask']!, search.rewind?.(images as Images) ?? {}, images),
          }),
        },
        logits: {
          inputs: { x: { shape } },
          run: (logits, given) => ({ outputs: { logits: logits(given['x'] as tf.Tensor4D) } }),
        },
      },
      state,
    );
  } finally {
    tf.dispose(state);
  }
};

/** A smaller program takes over once this share of the rows would be idle: recording it must be worth its while. */
const idleShare = 0.2;

/** Makes an attack of a search. */
export const searching = (search: Search): Attack => ({
  name: search.name,
  epsilon: search.epsilon,
  leastClasses: search.leastClasses ?? 2,
  async run(target, points, { rng, batchSize, report, finished, progress, pause, warn }) {
    if (points.length === 0) return;
    const begin = search.walks(target, rng, warn);
    const pixels = 3 * target.imageSize ** 2;
    let size = programSize(points.length, batchSize);
    let program = recordProgram(search, target, size);
    let rows: (Row | undefined)[] = new Array<Row | undefined>(size).fill(undefined);
    let waiting = 0;
    let through = 0;

    const shape = (): Shape => [size, target.imageSize, target.imageSize, 3];
    const maskOf = (chosen: ReadonlySet<number>): tf.Tensor1D =>
      tf.tensor1d(Float32Array.from({ length: size }, (_, row) => (chosen.has(row) ? 1 : 0)));

    /** Gives the free rows to points that wait. */
    const admit = (): void => {
      const free = rows.flatMap((row, i) => (row ? [] : [i])).slice(0, points.length - waiting);
      if (free.length === 0) return;
      const numbers = free.map((_, i) => waiting + i);
      waiting += free.length;
      const batch = points.read(numbers);
      const images = new Float32Array(size * pixels);
      images.set(batch.images);
      const logits = readOut(
        () => program.call('logits', { x: tf.tensor4d(images, shape()) })['logits']!.dataSync() as Float32Array,
      );
      free.forEach((row, i) => {
        const walk = begin({
          label: batch.labels[i]!,
          rng: imageRng(rng, batch.indices[i]!),
          size: pixels,
          logits: logits.slice(i * target.classes, (i + 1) * target.classes),
        });
        rows[row] = { point: numbers[i]!, walk, noise: walk.start() };
      });
    };

    /** Lets the runs that begin into the program. */
    const enter = (): void => {
      const entering = rows.flatMap((row, i) => (row?.noise ? [i] : []));
      if (entering.length === 0) return;
      const images = new Float32Array(size * pixels);
      const noise = new Float32Array(size * pixels);
      const batch = points.read(entering.map((row) => rows[row]!.point));
      entering.forEach((row, i) => {
        images.set(batch.images.subarray(i * pixels, (i + 1) * pixels), row * pixels);
        noise.set(rows[row]!.noise!, row * pixels);
        rows[row]!.noise = undefined;
      });
      tf.tidy(() => {
        program.call('enter', {
          x: tf.tensor4d(images, shape()),
          noise: tf.tensor4d(noise, shape()),
          mask: maskOf(new Set(entering)),
        });
      });
    };

    /** Goes on in a smaller program where too many rows would be idle. */
    const shrink = (): void => {
      const active = rows.flatMap((row, i) => (row ? [i] : []));
      const smaller = programSize(active.length, size);
      if (waiting < points.length || active.length === 0 || smaller > (1 - idleShare) * size) return;
      const before = program.read(search.images);
      program.dispose();
      program = recordProgram(search, target, smaller);
      const order = Array.from({ length: smaller }, (_, i) => active[i] ?? active[0]!);
      tf.tidy(() => {
        const chosen = tf.tensor1d(order, 'int32');
        program.write(
          Object.fromEntries(Object.entries(before).map(([name, tensor]) => [name, tf.gather(tensor, chosen)])),
        );
      });
      tf.dispose(before);
      rows = Array.from({ length: smaller }, (_, i) => (i < active.length ? rows[active[i]!] : undefined));
      size = smaller;
    };

    const step = (): void => {
      const controls = new Float32Array(search.controls.length * size);
      rows.forEach((row, i) => {
        row?.walk.control().forEach((value, k) => {
          controls[k * size + i] = value;
        });
      });
      const results = readOut(
        () =>
          program
            .call('step', { controls: tf.tensor2d(controls, [search.controls.length, size]) })
            ['results']!.dataSync() as Float32Array,
      );
      const rewinding = new Set<number>();
      const found: number[] = [];
      rows.forEach((row, i) => {
        if (!row) return;
        const verdict = row.walk.observe(search.results.map((_, k) => results[k * size + i]!));
        if (verdict === 'rewind') rewinding.add(i);
        else if (verdict === 'adversarial') found.push(i);
        else if (verdict === 'over') {
          row.noise = row.walk.start();
          if (!row.noise) leave(i);
        }
      });
      if (rewinding.size > 0) {
        tf.tidy(() => {
          program.call('rewind', { mask: maskOf(rewinding) });
        });
      }
      if (found.length > 0) {
        const values = readOut(() => program.read([search.found])[search.found]!.dataSync() as Float32Array);
        for (const row of found) {
          report(rows[row]!.point, values.subarray(row * pixels, (row + 1) * pixels));
          leave(row);
        }
      }
    };

    const leave = (row: number): void => {
      finished(rows[row]!.point);
      rows[row] = undefined;
      through++;
    };

    try {
      let shown = -1;
      for (;;) {
        admit();
        shrink();
        if (rows.every((row) => row === undefined)) break;
        enter();
        step();
        const done = through + rows.reduce((sum, row) => sum + (row?.walk.share() ?? 0), 0);
        if (Math.floor(done) > shown) {
          shown = Math.floor(done);
          progress({ task: search.name, done: shown, total: points.length });
        }
        await pause();
      }
    } finally {
      program.dispose();
    }
  },
});
