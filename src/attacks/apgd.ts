import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../engine/gradient.js';
import { UserError } from '../errors.js';
import type { Attack } from './attack.js';
import {
  crossEntropyLoss,
  dlrLoss,
  isRight,
  rankedClasses,
  targetedDlrLoss,
  type TargetedLoss,
} from './attack-losses.js';
import { linf, type Geometry } from './geometry.js';
import { choose, perSample, searching, type Images, type Search, type Walk, type WalkPoint } from './search.js';
import { defaultEpsilon } from './threat-model.js';

/** Raised when a change of the code changes what is found: results of another revision are measured again. */
export const apgdRevision = 1;

export interface ApgdOptions {
  readonly epsilon?: number;
  /** Gradient steps a run. Default 100. */
  readonly iterations?: number;
  /** Runs a point, each from a start of its own (targeted: a run each). Default 1. */
  readonly restarts?: number;
  /** Evaluations that a gradient is the mean of, for a network whose output is random. Default 1. */
  readonly evaluations?: number;
  readonly geometry?: Geometry;
}

export interface ApgdTargetedOptions extends ApgdOptions {
  /** How many classes are aimed at, those of the largest logits first. Default 9, or as many as there are. */
  readonly targets?: number;
}

/** Halving is due where fewer than this share of the steps since the last check raised the loss. */
const riseShare = 0.75;

/** How much of a step is the new one; the rest goes on with the last. The first step is whole. */
const stepWeight = 0.75;

/**
 * When the step size is looked at: after how many steps since the last time. Of 100 iterations that is at 22, 41, 57, 70,
 * 80, 87, 93, 99.
 */
export const checkIntervals = function* (iterations: number): Generator<number, never, undefined> {
  const part = (share: number): number => Math.max(Math.floor(share * iterations), 1);
  let interval = part(0.22);
  for (;;) {
    yield interval;
    interval = Math.max(interval - part(0.03), part(0.06));
  }
};

/** One run of Auto-PGD, as far as it is numbers: step size, best loss, checkpoints. */
export interface ApgdRun {
  /** What the coming step is told. `improved`: the last step's image is the best so far. */
  readonly stepSize: number;
  readonly weight: number;
  readonly improved: number;
  readonly bestLoss: number;
  readonly iteration: number;
  /** @returns whether to go on, to go on from the best image, or to stop */
  observe(loss: number): 'on' | 'rewind' | 'over';
}

/** The numbers of one run (Croce & Hein, 2020, algorithm 1). The first evaluation is that of the start. */
export const createApgdRun = (epsilon: number, iterations: number): ApgdRun => {
  const intervals = checkIntervals(iterations);
  let interval: number = intervals.next().value;
  let sinceCheck = 0;
  let rises = 0;
  // The published code compares the loss after the first step with 0, not with the loss at the start.
  let previousLoss = 0;
  let bestLossAtCheck = 0;
  let reducedAtCheck = true;
  const run = {
    stepSize: 0,
    weight: 1,
    improved: 0,
    bestLoss: -Infinity,
    iteration: -1,
    observe(loss: number): 'on' | 'rewind' | 'over' {
      run.iteration++;
      if (run.iteration === 0) {
        run.bestLoss = bestLossAtCheck = loss;
        run.improved = 1;
        run.stepSize = 2 * epsilon;
        return iterations === 0 ? 'over' : 'on';
      }
      run.weight = stepWeight;
      if (loss > previousLoss) rises++;
      previousLoss = loss;
      run.improved = loss > run.bestLoss ? 1 : 0;
      if (run.improved) run.bestLoss = loss;
      if (run.iteration === iterations) return 'over';
      if (++sinceCheck < interval) return 'on';
      const stuck = !reducedAtCheck && bestLossAtCheck >= run.bestLoss;
      reducedAtCheck = rises <= riseShare * interval || stuck;
      bestLossAtCheck = run.bestLoss;
      interval = intervals.next().value;
      sinceCheck = rises = 0;
      if (!reducedAtCheck) return 'on';
      run.stepSize /= 2;
      // Where the last image is the best one, going on from the best is going on.
      return run.improved ? 'on' : 'rewind';
    },
  };
  return run;
};

const checkOptions = ({ iterations = 100, restarts = 1, evaluations = 1 }: ApgdOptions): void => {
  for (const [what, value] of Object.entries({ iterations, restarts, evaluations })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new UserError(`apgd: ${what} is ${value}, but a whole number from 1 is wanted.`);
    }
  }
};

interface ApgdParts {
  readonly name: string;
  readonly loss: TargetedLoss;
  /** Whether a loss can be flat where the network is not broken: then gradients of zero are worth a warning. */
  readonly warnsOfZeroGradients: boolean;
  /** The classes that the runs of a point aim at, in turn; of an untargeted attack, its label. */
  readonly aims: (point: WalkPoint) => readonly number[];
  readonly leastClasses: number;
}

const apgd = (
  { name, loss, warnsOfZeroGradients, aims, leastClasses }: ApgdParts,
  { epsilon = defaultEpsilon, iterations = 100, evaluations = 1, geometry = linf }: ApgdOptions,
): Attack => {
  const search: Search = {
    name,
    epsilon,
    leastClasses,
    // `adversarial` is where a walk stands, `previous` where it was before, `gradient` that of the loss at `adversarial`.
    images: [...geometry.anchors, 'adversarial', 'previous', 'gradient', 'best', 'bestGradient'],
    found: 'adversarial',
    controls: ['label', 'aim', 'stepSize', 'weight', 'improved'],
    results: ['loss', 'right', 'flat'],
    enter(x, noise) {
      const anchor = geometry.anchor(x, epsilon);
      const start = geometry.project(tf.add(x, noise), anchor);
      // The gradient of who had the row before does not matter, unless it is no number.
      return { ...anchor, adversarial: start, previous: start, gradient: tf.zerosLike(x) };
    },
    step(logits, controls, images) {
      const labels = tf.cast(controls['label']!, 'int32');
      const aim = tf.cast(controls['aim']!, 'int32');
      const { adversarial, previous, gradient, best, bestGradient } = images as Record<string, tf.Tensor4D>;
      const newBest = choose(controls['improved']!, adversarial!, best!);
      const newBestGradient = choose(controls['improved']!, gradient!, bestGradient!);
      const step = tf.mul(geometry.steepest(gradient!), perSample(controls['stepSize']!));
      const ahead = geometry.project(tf.add<tf.Tensor4D>(adversarial!, step), images);
      // adversarial + w·(ahead − adversarial) + (1 − w)·(adversarial − previous), sorted by image
      const weight = perSample(controls['weight']!);
      const rest = tf.sub(1, weight);
      const moved = geometry.project(
        tf.add<tf.Tensor4D>(
          tf.mul(ahead, weight),
          tf.sub(tf.mul(adversarial!, tf.mul(rest, 2)), tf.mul(previous!, rest)),
        ),
        images,
      );
      let slope: tf.Tensor | undefined;
      let outputs: { right: tf.Tensor1D; losses: tf.Tensor1D } | undefined;
      for (let i = 0; i < evaluations; i++) {
        const { gradients: slopes, aux } = gradients(
          () => {
            const z = logits(moved);
            const losses = loss(z, labels, aim);
            return { value: tf.sum(losses), aux: { right: isRight(z, labels), losses } };
          },
          { moved },
        );
        slope = slope ? tf.add(slope, slopes.moved) : slopes.moved;
        outputs = aux;
      }
      if (evaluations > 1) slope = tf.div(slope!, evaluations);
      const flat = warnsOfZeroGradients ? tf.equal(geometry.dual(slope as tf.Tensor4D), 0) : tf.zerosLike(labels);
      return {
        results: { loss: outputs!.losses, right: outputs!.right, flat: flat as tf.Tensor1D },
        images: {
          previous: adversarial!,
          adversarial: moved,
          gradient: slope as tf.Tensor4D,
          best: newBest,
          bestGradient: newBestGradient,
        },
      };
    },
    rewind: ({ best, bestGradient }: Images) => ({ adversarial: best!, gradient: bestGradient! }),
    walks(_target, _rng, warn) {
      let warned = false;
      return (point): Walk => {
        const targets = aims(point);
        let turn = -1;
        let run = createApgdRun(epsilon, iterations);
        return {
          start() {
            turn++;
            if (turn === targets.length) return undefined;
            run = createApgdRun(epsilon, iterations);
            return geometry.direction(point.size, point.rng.fork('start', turn)).map((value) => value * epsilon);
          },
          control: () => [point.label, targets[turn]!, run.stepSize, run.weight, run.improved],
          observe([loss, right, flat]) {
            if (flat === 1 && run.iteration === -1 && !warned) {
              warned = true;
              warn(
                `${name}: there are images whose gradient is zero. What it finds may be too little: the robust accuracy ` +
                  'may be an overestimate.',
              );
            }
            if (right !== 1) return 'adversarial';
            return run.observe(loss!);
          },
          share: () => (turn + Math.max(run.iteration, 0) / iterations) / targets.length,
        };
      };
    },
  };
  return searching(search);
};

const untargeted = (
  name: string,
  loss: (logits: tf.Tensor2D, labels: tf.Tensor1D) => tf.Tensor1D,
  least: number,
  options: ApgdOptions,
): Attack => {
  checkOptions(options);
  const { restarts = 1 } = options;
  return apgd(
    {
      name,
      loss: (logits, labels) => loss(logits, labels),
      warnsOfZeroGradients: least > 2,
      aims: ({ label }) => new Array<number>(restarts).fill(label),
      leastClasses: least,
    },
    options,
  );
};

/** Auto-PGD on cross-entropy (Croce & Hein, 2020). A point leaves with its first adversarial image. */
export const apgdCe = (options: ApgdOptions = {}): Attack => untargeted('apgd-ce', crossEntropyLoss, 2, options);

/** Auto-PGD on the DLR loss. Needs three classes. */
export const apgdDlr = (options: ApgdOptions = {}): Attack => untargeted('apgd-dlr', dlrLoss, 3, options);

/** Auto-PGD on the targeted DLR loss: towards each of the classes with the largest logits in turn. Needs four classes. */
export const apgdTargeted = (options: ApgdTargetedOptions = {}): Attack => {
  checkOptions(options);
  const { targets = 9, restarts = 1 } = options;
  return apgd(
    {
      name: 'apgd-t',
      loss: targetedDlrLoss,
      warnsOfZeroGradients: true,
      aims: ({ logits }) =>
        rankedClasses(logits)
          .slice(1, targets + 1)
          .flatMap((aim) => new Array<number>(restarts).fill(aim)),
      leastClasses: 4,
    },
    options,
  );
};
