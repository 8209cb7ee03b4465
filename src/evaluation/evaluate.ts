import type { Attack, Points } from '../attacks/attack.js';
import { createTarget } from '../attacks/attack.js';
import { createAttack } from '../attacks/catalogue.js';
import { defaultEpsilon } from '../attacks/threat-model.js';
import { gather } from '../data/batches.js';
import type { ImageSet } from '../data/records.js';
import type { Tensors } from '../engine/gradient.js';
import { UserError } from '../errors.js';
import { checkpointInterrupt, interruptSignal } from '../interruption.js';
import type { Network } from '../models/network.js';
import { silentProgress, type Progress } from '../progress.js';
import { createRng } from '../random.js';
import { createClassifier } from './classifier.js';
import { wilsonInterval } from './interval.js';

export interface EvaluationOptions {
  readonly network: Network;
  /** The weights as training has them; they stay the caller's. */
  readonly weights: Tensors;
  readonly set: ImageSet;
  /** Which images of the set; all of them by default. */
  readonly indices?: ArrayLike<number> | undefined;
  /** Names as `createAttack` knows them, or attacks. 'clean' is always there. */
  readonly attacks: readonly (string | Attack)[];
  /** Radius of the L∞ ball for attacks that are given by name. Default 8/255. */
  readonly epsilon?: number | undefined;
  /** Images a batch. Default 128. */
  readonly batchSize?: number | undefined;
  /** The network on which transfer attacks are made. */
  readonly surrogate?: { readonly network: Network; readonly weights: Tensors } | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Takes what the user should know. Default: nothing is said. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** What is left right under an attack. */
export interface AttackOutcome {
  /** Images still classified rightly, of `total`. An image that is wrong without an attack counts as wrong. */
  readonly correct: number;
  readonly total: number;
  readonly accuracy: number;
  /** Where the accuracy lies at 95 % (Wilson). */
  readonly interval: readonly [number, number];
  /** One entry an image, in the order of the indices: 1 where it is still right. */
  readonly outcome: Uint8Array;
  readonly seconds: number;
  /** Images that were attacked (clean: classified), a second. */
  readonly imagesPerSecond: number;
}

export interface Evaluation {
  /** By the attack's name; 'clean' among them. */
  readonly attacks: Readonly<Record<string, AttackOutcome>>;
  /** W-Robust of every attack: (clean + robust accuracy) / 2. */
  readonly wRobust: Readonly<Record<string, number>>;
}

const outcomeOf = (outcome: Uint8Array, attacked: number, seconds: number): AttackOutcome => {
  const total = outcome.length;
  const correct = outcome.reduce((sum, right) => sum + right, 0);
  return {
    correct,
    total,
    accuracy: total === 0 ? 0 : correct / total,
    interval: wilsonInterval(correct, total),
    outcome,
    seconds,
    imagesPerSecond: seconds > 0 ? attacked / seconds : 0,
  };
};

const pointsOf = (set: ImageSet, indices: ArrayLike<number>): Points => ({
  length: indices.length,
  read: (numbers) =>
    gather(
      set,
      Array.from(numbers, (number) => indices[number]!),
    ),
});

const checkFit = (network: Network, set: ImageSet): void => {
  if (set.classes.length !== network.classes) {
    throw new UserError(
      `the network has ${network.classes} classes, but ${set.name} has ${set.classes.length}: they do not belong together.`,
    );
  }
  if (set.height !== network.imageSize || set.width !== network.imageSize) {
    throw new UserError(
      `the network takes images of ${network.imageSize} × ${network.imageSize} pixels, but those of ${set.name} have ` +
        `${set.height} × ${set.width}.`,
    );
  }
};

const check = ({ network, surrogate, set, indices, epsilon, batchSize }: EvaluationOptions): void => {
  checkFit(network, set);
  if (surrogate) checkFit(surrogate.network, set);
  if (indices?.length === 0) throw new UserError('no image is named to evaluate on; at least one is wanted.');
  if (epsilon !== undefined && !(epsilon > 0 && epsilon < 1)) {
    throw new UserError(`epsilon is ${epsilon}, but a radius between 0 and 1 is wanted: 8/255, say.`);
  }
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize > 0)) {
    throw new UserError(`the batch size is ${batchSize}, but a whole number from 1 is wanted.`);
  }
};

/**
 * Accuracy on clean images and under attacks. What is found for an image depends on the image, its position in the set,
 * and the seed.
 *
 * Every adversarial image is moved into the ball and into [0, 1] here, checked, and classified by the network itself.
 * @throws UserError where network, data and options do not fit together, or an attack is not known
 * @throws InterruptedError where `signal` was aborted
 */
export const evaluate = async (options: EvaluationOptions): Promise<Evaluation> => {
  check(options);
  const {
    network,
    weights,
    set,
    epsilon = defaultEpsilon,
    batchSize = 128,
    seed = 0,
    warn = () => undefined,
  } = options;
  const { progress = silentProgress, signal = interruptSignal() } = options;
  const indices = options.indices ?? Uint32Array.from({ length: set.length }, (_, i) => i);
  // Names are looked up before anything is computed.
  const attacks = options.attacks
    .filter((attack) => attack !== 'clean')
    .map((attack) => (typeof attack === 'string' ? createAttack(attack, epsilon) : attack));
  const { surrogate } = options;
  const transferring = attacks.find(({ transfers }) => transfers);
  if (transferring && !surrogate) {
    throw new UserError(
      `${transferring.name} is made on another network and tried on this one, but no surrogate is given. Name its ` +
        'checkpoint with --surrogate.',
    );
  }
  const results: Record<string, AttackOutcome> = {};
  const target = createTarget(network, weights);
  const surrogateTarget = transferring && surrogate ? createTarget(surrogate.network, surrogate.weights) : undefined;
  try {
    const classifier = createClassifier(target, Math.min(batchSize, indices.length));
    try {
      let start = performance.now();
      const elapsed = (): number => (performance.now() - start) / 1000;
      const clean = await classifier.clean(pointsOf(set, indices), async (done) => {
        progress({ task: 'clean', done, total: indices.length });
        await checkpointInterrupt(signal);
      });
      results['clean'] = outcomeOf(clean, indices.length, elapsed());

      // What is wrong without an attack needs none.
      const rest = Array.from(clean.keys()).filter((image) => clean[image] === 1);
      const points = pointsOf(
        set,
        rest.map((image) => indices[image]!),
      );
      for (const attack of attacks) {
        start = performance.now();
        const judge = classifier.judge(points, attack);
        await attack.run(attack.transfers ? surrogateTarget! : target, points, {
          rng: createRng(seed).fork(attack.name),
          batchSize,
          report: (point, adversarial) => {
            judge.take(point, adversarial);
          },
          progress,
          signal,
          warn,
        });
        const outcome = clean.slice();
        judge.finish().forEach((broken, point) => {
          if (broken) outcome[rest[point]!] = 0;
        });
        results[attack.name] = outcomeOf(outcome, rest.length, elapsed());
      }
    } finally {
      classifier.dispose();
    }
  } finally {
    surrogateTarget?.dispose();
    target.dispose();
  }
  const cleanAccuracy = results['clean'].accuracy;
  return {
    attacks: results,
    wRobust: Object.fromEntries(
      Object.entries(results)
        .filter(([name]) => name !== 'clean')
        .map(([name, { accuracy }]) => [name, (cleanAccuracy + accuracy) / 2]),
    ),
  };
};
