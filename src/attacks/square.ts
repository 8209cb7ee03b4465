import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.js';
import type { Rng } from '../random.js';
import type { Attack } from './attack.js';
import { margin } from './attack-losses.js';
import { linf } from './geometry.js';
import { choose, searching, type Search, type Walk } from './search.js';
import { defaultEpsilon } from './threat-model.js';

/** Raised when a change of the code changes what is found: results of another revision are measured again. */
export const squareRevision = 1;

export interface SquareOptions {
  readonly name?: string;
  readonly epsilon?: number;
  /** Queries a run, beside that of the start. Default 5000. */
  readonly queries?: number;
  /** Share of the image that the first squares cover. Default .8. */
  readonly share?: number;
  /** Runs a point. Default 1. */
  readonly restarts?: number;
}

/** A query's proposal: a square, and for each channel which wall of the ball it is moved to. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly size: number;
  readonly up: readonly [number, number, number];
}

/** After which query the share of the image that a square covers is halved once more. Not rescaled to the queries. */
const halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

/** The side of the square of a query (from 0) on images of `size` pixels a side. */
export const squareSide = (query: number, size: number, share: number): number => {
  const halved = share / 2 ** halvings.filter((after) => query > after).length;
  return Math.min(Math.max(Math.round(Math.sqrt(halved * size * size)), 1), size);
};

const wholeImage = { top: 0, left: 0, size: 0, up: [0, 0, 0] } as const;

/**
 * The windows of all queries. They are shared by all images and drawn by the query's number, so that they do not depend on
 * how many images there are.
 */
export const squareWindows = (queries: number, size: number, share: number, rng: Rng): Window[] =>
  Array.from({ length: queries }, (_, query) => {
    const draw = rng.fork('query', query);
    const side = squareSide(query, size, share);
    // As published: the last row and column of places is never drawn.
    const places = Math.max(size - side, 1);
    const sign = (): number => (draw.uniform() < 0.5 ? 0 : 1);
    return { top: draw.integer(places), left: draw.integer(places), size: side, up: [sign(), sign(), sign()] };
  });

/**
 * The Square attack (Andriushchenko et al., 2020) on the margin, L∞: from vertical stripes, each query moves a square to
 * the walls of the ball and keeps it where the margin falls. It sees logits alone, no gradient. A point leaves once it is
 * misclassified.
 */
export const square = ({
  name = 'square',
  epsilon = defaultEpsilon,
  queries = 5000,
  share = 0.8,
  restarts = 1,
}: SquareOptions = {}): Attack => {
  if (!(Number.isInteger(queries) && queries >= 1)) {
    throw new UserError(`square: ${queries} queries are asked for, but a whole number from 1 is wanted.`);
  }
  const search: Search = {
    name,
    epsilon,
    images: ['low', 'high', 'best'],
    found: 'best',
    controls: ['label', 'bestMargin', 'top', 'left', 'size', 'red', 'green', 'blue'],
    results: ['margin'],
    enter(x, noise) {
      const anchor = linf.anchor(x, epsilon);
      return { ...anchor, best: linf.project(tf.add(x, noise), anchor) };
    },
    step(logits, controls, { low, high, best }) {
      const [rows, height, width] = best!.shape;
      const labels = tf.cast<tf.Tensor1D>(controls['label']!, 'int32');
      const inside = (first: tf.Tensor1D, length: number): tf.Tensor2D => {
        const offset = tf.sub(tf.range(0, length), tf.reshape(first, [rows, 1]));
        const side = tf.reshape(controls['size']!, [rows, 1]);
        return tf.cast(tf.logicalAnd(tf.greaterEqual(offset, 0), tf.less(offset, side)), 'float32');
      };
      // As published it is 2ε either way, from wall to wall; with 3ε no rounding is left between the end and the wall.
      const direction = tf.mul(
        tf.sub(
          tf.stack(
            ['red', 'green', 'blue'].map((channel) => controls[channel]!),
            1,
          ),
          0.5,
        ),
        6 * epsilon,
      );
      // The window is the product of a column and a row of the image; the directions are taken into the row, which is short.
      const across = tf.mul(
        tf.reshape(inside(controls['left']!, width), [rows, width, 1]),
        tf.reshape(direction, [rows, 1, 3]),
      );
      const window = tf.mul(
        tf.reshape(inside(controls['top']!, height), [rows, height, 1]),
        tf.reshape(across, [rows, 1, 3 * width]),
      );
      const moved = tf.add<tf.Tensor4D>(best!, tf.reshape(window, best!.shape));
      const proposal = linf.project(moved, { low: low!, high: high! });
      const reached = margin(logits(proposal), labels);
      const better = tf.logicalOr(tf.less(reached, controls['bestMargin']!), tf.lessEqual(reached, 0));
      return {
        results: { margin: reached },
        images: { best: choose(tf.cast(better, 'float32') as tf.Tensor1D, proposal, best!) },
      };
    },
    walks({ imageSize }, rng) {
      const windows = Array.from({ length: restarts }, (_, run) =>
        squareWindows(queries, imageSize, share, rng.fork('run', run)),
      );
      return (point): Walk => {
        let run = -1;
        // The query before the first is that of the start itself: a window of no size.
        let query = -1;
        let bestMargin = Infinity;
        return {
          start() {
            run++;
            query = -1;
            bestMargin = Infinity;
            if (run === restarts) return undefined;
            const draw = point.rng.fork('stripes', run);
            const stripes = Float32Array.from({ length: 3 * imageSize }, () =>
              draw.uniform() < 0.5 ? -epsilon : epsilon,
            );
            return Float32Array.from({ length: point.size }, (_, i) => stripes[i % stripes.length]!);
          },
          control() {
            const { top, left, size, up } = query < 0 ? wholeImage : windows[run]![query]!;
            return [point.label, bestMargin, top, left, size, ...up];
          },
          observe([reached]) {
            query++;
            if (reached! <= 0) return 'adversarial';
            bestMargin = Math.min(bestMargin, reached!);
            return query === queries ? 'over' : 'on';
          },
          share: () => (run + Math.max(query, 0) / queries) / restarts,
        };
      };
    },
  };
  return searching(search);
};
