import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../engine/gradient.js';
import type { Attack } from './attack.js';
import { isRight, logitOf, rankedClasses } from './attack-losses.js';
import { linf, type Geometry } from './geometry.js';
import { choose, perSample, searching, type Search, type Walk, type WalkPoint } from './search.js';
import { defaultEpsilon } from './threat-model.js';

/** Raised when a change of the code changes what is found: results of another revision are measured again. */
export const fabRevision = 1;

export interface FabOptions {
  readonly epsilon?: number;
  /** Steps a run. Default 100. */
  readonly iterations?: number;
  /** Runs a point (targeted: a class); the first starts at the image, the others at random. Default 1. */
  readonly restarts?: number;
  /** The most that a step is biased towards the image. Default .1. */
  readonly alphaMax?: number;
  /** How far beyond the boundary a step aims. Default 1.05. */
  readonly overshoot?: number;
  /** How far towards the image an adversarial one is taken back: x + β·(x' − x). Default .9. */
  readonly backStep?: number;
  readonly geometry?: Geometry;
}

export interface FabTargetedOptions extends FabOptions {
  /** How many classes are aimed at, those of the largest logits first. Default 9, or as many as there are. */
  readonly targets?: number;
}

/** A boundary as the linearised network has it: f = z_t − z_y at a point, and its gradient. */
interface Boundary {
  readonly difference: tf.Tensor1D;
  readonly slope: tf.Tensor4D;
}

const boundaryTo = (
  logits: (x: tf.Tensor4D) => tf.Tensor2D,
  point: tf.Tensor4D,
  labels: tf.Tensor1D,
  aim: tf.Tensor1D,
): Boundary => {
  const { gradients: slopes, aux } = gradients(
    () => {
      const z = logits(point);
      const difference = tf.sub<tf.Tensor1D>(logitOf(z, aim), logitOf(z, labels));
      return { value: tf.sum(difference), aux: { difference } };
    },
    { point },
  );
  return { difference: aux.difference, slope: slopes.point };
};

/** The nearest of the boundaries to all other classes. The forward passes are the same, and the graph has one of them. */
const nearestBoundary = (
  logits: (x: tf.Tensor4D) => tf.Tensor2D,
  point: tf.Tensor4D,
  labels: tf.Tensor1D,
  classes: number,
  geometry: Geometry,
): Boundary => {
  let nearest: (Boundary & { readonly distance: tf.Tensor1D }) | undefined;
  for (let aim = 0; aim < classes; aim++) {
    const { difference, slope } = boundaryTo(logits, point, labels, tf.fill([point.shape[0]], aim, 'int32'));
    const own = tf.equal(labels, aim);
    const distance = tf.where<tf.Tensor1D>(
      own,
      tf.fill([point.shape[0]], Infinity),
      tf.div(tf.abs(difference), tf.add(geometry.dual(slope), 1e-12)),
    );
    if (!nearest) {
      nearest = { difference, slope, distance };
      continue;
    }
    const nearer = tf.less(distance, nearest.distance);
    nearest = {
      difference: tf.where<tf.Tensor1D>(nearer, difference, nearest.difference),
      slope: choose(tf.cast(nearer, 'float32') as tf.Tensor1D, slope, nearest.slope),
      distance: tf.minimum(distance, nearest.distance),
    };
  }
  return nearest!;
};

const fabSearch = (
  name: string,
  aims: (point: WalkPoint) => readonly number[],
  targeted: boolean,
  {
    epsilon = defaultEpsilon,
    iterations = 100,
    restarts = 1,
    alphaMax = 0.1,
    overshoot = 1.05,
    backStep = 0.9,
    geometry = linf,
  }: FabOptions,
): Attack => {
  const radius = Math.fround(epsilon);
  const search: Search = {
    name,
    epsilon,
    images: ['x', 'point', 'found'],
    found: 'found',
    controls: ['label', 'aim'],
    results: ['right', 'distance'],
    enter: (x, noise) => ({ x, point: tf.clipByValue(tf.add(x, noise), 0, 1) }),
    step(logits, controls, images) {
      const labels = tf.cast<tf.Tensor1D>(controls['label']!, 'int32');
      const { x, point } = images as Record<string, tf.Tensor4D>;
      const { difference, slope } = targeted
        ? boundaryTo(logits, point!, labels, tf.cast<tf.Tensor1D>(controls['aim']!, 'int32'))
        : nearestBoundary(logits, point!, labels, logits(point!).shape[1], geometry);
      // The hyperplane where the linearised difference is zero, and the shortest ways to it from here and from the image.
      const fromPoint = geometry.towardsHyperplane(point!, slope, difference);
      const between = tf.sum(tf.reshape(tf.mul(slope, tf.sub(x!, point!)), [labels.size, -1]), 1);
      const fromImage = geometry.towardsHyperplane(x!, slope, tf.add<tf.Tensor1D>(difference, between));
      const near = tf.maximum(geometry.norm(fromPoint), 1e-8);
      const far = tf.maximum(geometry.norm(fromImage), 1e-8);
      const alpha = perSample(tf.minimum<tf.Tensor1D>(tf.div(near, tf.add(near, far)), alphaMax));
      const candidate = tf.clipByValue<tf.Tensor4D>(
        tf.add(
          tf.mul(tf.add(point!, tf.mul(fromPoint, overshoot)), tf.sub(1, alpha)),
          tf.mul(tf.add(x!, tf.mul(fromImage, overshoot)), alpha),
        ),
        0,
        1,
      );
      const right = isRight(logits(candidate), labels);
      return {
        results: { right, distance: geometry.norm(tf.sub(candidate, x!)) },
        images: {
          found: candidate,
          point: choose(right, candidate, tf.add<tf.Tensor4D>(x!, tf.mul(tf.sub(candidate, x!), backStep))),
        },
      };
    },
    walks() {
      return (point): Walk => {
        const targets = aims(point);
        let turn = -1;
        let iteration = 0;
        return {
          start() {
            turn++;
            iteration = 0;
            if (turn === targets.length * restarts) return undefined;
            if (turn % restarts === 0) return new Float32Array(point.size);
            return geometry.direction(point.size, point.rng.fork('start', turn)).map((value) => (value * epsilon) / 2);
          },
          control: () => [point.label, targets[Math.floor(turn / restarts)]!],
          observe([right, distance]) {
            iteration++;
            // What lies outside the ball is a step on the way, however wrong the network is there.
            if (right !== 1 && distance! <= radius) return 'adversarial';
            return iteration === iterations ? 'over' : 'on';
          },
          share: () => (turn + iteration / iterations) / (targets.length * restarts),
        };
      };
    },
  };
  return searching(search);
};

/**
 * The fast adaptive boundary attack (Croce & Hein, 2020): steps to the linearised boundary of the nearest class, biased
 * towards the image. A point leaves with its first adversarial image inside the ball.
 */
export const fab = (options: FabOptions = {}): Attack => fabSearch('fab', ({ label }) => [label], false, options);

/** FAB towards each of the classes with the largest logits in turn. */
export const fabTargeted = ({ targets = 9, ...options }: FabTargetedOptions = {}): Attack =>
  fabSearch('fab-t', ({ logits }) => rankedClasses(logits).slice(1, targets + 1), true, options);
