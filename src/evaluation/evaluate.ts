import { checkClasses, createTarget, programSize, targetOf, type Attack, type Points } from '../attacks/attack.js';
import type { AttackSequence } from '../attacks/auto-attack.js';
import { createAttack, resolveAttack, type AttackSpec } from '../attacks/catalogue.js';
import { defaultEpsilon } from '../attacks/threat-model.js';
import { gather } from '../data/batches.js';
import type { ImageSet } from '../data/records.js';
import type { Tensors } from '../engine/gradient.js';
import { checkFloat32 } from '../engine/precision.js';
import { UserError } from '../errors.js';
import { checkpointInterrupt, interruptSignal } from '../interruption.js';
import type { Network } from '../models/network.js';
import { silentProgress, type Progress } from '../progress.js';
import { createRng } from '../random.js';
import { accuracyOf } from './accuracy.js';
import { createClassifier } from './classifier.js';
import { outcomeOf, type AttackOutcome } from './outcome.js';
import { runSequence, subset } from './sequence.js';
import { subjectOf } from './sequence-state.js';
import { transferImages } from './transfer-images.js';

export type { AttackOutcome } from './outcome.js';

export interface EvaluationOptions {
  readonly network: Network;
  /** The weights as training has them; they stay the caller's. */
  readonly weights: Tensors;
  readonly set: ImageSet;
  /** Which images of the set; all of them by default. */
  readonly indices?: ArrayLike<number> | undefined;
  /** Names or specifications of the catalogue's, or attacks of one's own. 'clean' is always there. */
  readonly attacks: readonly (string | AttackSpec | Attack | AttackSequence)[];
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
  /**
   * Which of the images are right without an attack, one entry an image, where an evaluation has found that before: it is
   * not found anew. It must be this network's, on these images.
   */
  readonly clean?: Uint8Array | undefined;
  /** Takes each warning as it comes; all of them are in the result. Default: nothing is said. */
  readonly warn?: ((message: string, attack: string) => void) | undefined;
  /** Is told what is left after each attack, and after each stage of a sequence, as it ends. */
  readonly onOutcome?: ((name: string, outcome: AttackOutcome) => void) | undefined;
  /**
   * A file that keeps how far a sequence of attacks (AutoAttack) is. Where it is there, the sequence goes on from it, and
   * ends as it would have without the interruption. For an evaluation with one sequence.
   */
  readonly stateFile?: string | undefined;
  /**
   * A folder that keeps the images of the catalogue's transfer attacks, which do not depend on the network that they are
   * tried on: those that are there are not made again. Default: they are made anew, where the network is right.
   */
  readonly transferFolder?: string | undefined;
}

/** What makes a number doubtful: gradients that are masked, outputs that are no numbers. */
export interface EvaluationWarning {
  /** The attack whose accuracy it concerns; 'clean' for what concerns the network itself. */
  readonly attack: string;
  readonly message: string;
}

const isSequence = (attack: Attack | AttackSequence): attack is AttackSequence => 'stages' in attack;

export interface Evaluation {
  /** By the attack's name; 'clean' among them. */
  readonly attacks: Readonly<Record<string, AttackOutcome>>;
  /** W-Robust of every attack: (clean + robust accuracy) / 2. */
  readonly wRobust: Readonly<Record<string, number>>;
  /** In the order in which they came, each once. */
  readonly warnings: readonly EvaluationWarning[];
}

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

const check = ({ network, surrogate, set, indices, epsilon, batchSize, clean }: EvaluationOptions): void => {
  checkFloat32('an evaluation');
  checkFit(network, set);
  if (surrogate) checkFit(surrogate.network, set);
  if (indices?.length === 0) throw new UserError('no image is named to evaluate on; at least one is wanted.');
  if (epsilon !== undefined && !(epsilon > 0 && epsilon < 1)) {
    throw new UserError(`epsilon is ${epsilon}, but a radius between 0 and 1 is wanted: 8/255, say.`);
  }
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize > 0)) {
    throw new UserError(`the batch size is ${batchSize}, but a whole number from 1 is wanted.`);
  }
  const images = indices?.length ?? set.length;
  if (clean && !(clean.length === images && clean.every((right) => right === 0 || right === 1))) {
    throw new UserError(
      `the known clean outcome has ${clean.length} entries for ${images} images; wanted is 0 or 1 for each of them.`,
    );
  }
};

/** The attacks of an evaluation; everything that can be wrong with them is found before anything is computed. */
const chosenAttacks = ({
  attacks: wanted,
  network,
  surrogate,
  epsilon = defaultEpsilon,
  stateFile,
}: EvaluationOptions): (Attack | AttackSequence)[] => {
  const attacks = wanted
    .filter((attack) => attack !== 'clean' && !(typeof attack === 'object' && attack.name === 'clean'))
    .map((attack) => {
      if (typeof attack === 'string') return createAttack(resolveAttack(attack, { epsilon }));
      return 'parameters' in attack ? createAttack(attack) : attack;
    });
  const twice = attacks.find(({ name }, i) => attacks.findIndex((other) => other.name === name) !== i);
  if (twice) {
    throw new UserError(
      `two attacks are both called "${twice.name}": their results could not be told apart. Give one of them another name.`,
    );
  }
  const transferring = attacks.find((attack) => !isSequence(attack) && attack.transfers);
  if (transferring && !surrogate) {
    throw new UserError(
      `${transferring.name} is made on another network and tried on this one, but no surrogate is given. Name its ` +
        'checkpoint with --surrogate.',
    );
  }
  for (const attack of attacks.flatMap((entry) => (isSequence(entry) ? entry.stages : [entry]))) {
    checkClasses(attack, (attack.transfers && surrogate ? surrogate.network : network).classes);
  }
  const sequences = attacks.filter(isSequence).length;
  if (stateFile !== undefined && sequences !== 1) {
    throw new UserError(
      `a state file belongs to one sequence of attacks (autoattack, say), but ${sequences} are asked for.`,
    );
  }
  return attacks;
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
  const { network, weights, surrogate, set, batchSize = 128, seed = 0, stateFile, transferFolder } = options;
  const { progress = silentProgress, signal = interruptSignal(), onOutcome = () => undefined } = options;
  const indices = options.indices ?? Uint32Array.from({ length: set.length }, (_, i) => i);
  const attacks = chosenAttacks(options);
  const warnings: EvaluationWarning[] = [];
  const warnOf =
    (attack: string) =>
    (message: string): void => {
      if (warnings.some((known) => known.attack === attack && known.message === message)) return;
      warnings.push({ attack, message });
      options.warn?.(message, attack);
    };
  const outcomes: Record<string, AttackOutcome> = {};
  const rng = createRng(seed);
  const target = createTarget(network, weights);
  const surrogateTarget = surrogate ? createTarget(surrogate.network, surrogate.weights) : undefined;
  try {
    const classifier = createClassifier(target, programSize(indices.length, batchSize));
    try {
      const points = pointsOf(set, indices);
      let start = performance.now();
      const elapsed = (): number => (performance.now() - start) / 1000;
      const clean =
        options.clean ??
        (await classifier.clean(points, warnOf('clean'), async (done) => {
          progress({ task: 'clean', done, total: indices.length });
          await checkpointInterrupt(signal);
        }));
      outcomes['clean'] = outcomeOf(clean, indices.length, elapsed());
      onOutcome('clean', outcomes['clean']);

      // What is wrong without an attack needs none.
      const right = Array.from(clean.keys()).filter((image) => clean[image] === 1);
      for (const attack of attacks) {
        const warn = warnOf(attack.name);
        start = performance.now();
        if (isSequence(attack)) {
          outcomes[attack.name] = await runSequence(target, classifier, attack, {
            points,
            clean,
            rng,
            batchSize,
            state:
              stateFile === undefined
                ? undefined
                : { path: stateFile, subject: subjectOf(attack, { network, weights, set, indices, seed }) },
            progress,
            signal,
            warn,
            onStage: (stage, outcome) => {
              onOutcome(`${attack.name} ${stage}`, outcome);
            },
          });
        } else {
          const attacked = subset(points, right);
          const judge = classifier.judge(attacked, attack, warn);
          const context = {
            rng: rng.fork(attack.name),
            batchSize,
            pause: () => checkpointInterrupt(signal),
            progress,
            warn,
          };
          const { key } = attack;
          if (attack.transfers && transferFolder !== undefined && key !== undefined) {
            const made = await transferImages({ ...attack, key }, surrogateTarget!, points, {
              ...context,
              folder: transferFolder,
              subject: { ...surrogate!, set, indices, seed },
            });
            for (const [point, image] of right.entries()) judge.take(point, await made.read(image));
          } else {
            await attack.run(targetOf(attack, attack.transfers ? surrogateTarget! : target), attacked, {
              ...context,
              report: (point, adversarial) => {
                judge.take(point, adversarial);
              },
              finished: () => undefined,
            });
          }
          const outcome = clean.slice();
          judge.finish().forEach((broken, point) => {
            if (broken) outcome[right[point]!] = 0;
          });
          outcomes[attack.name] = outcomeOf(outcome, right.length, elapsed());
        }
        onOutcome(attack.name, outcomes[attack.name]!);
      }
    } finally {
      classifier.dispose();
    }
  } finally {
    surrogateTarget?.dispose();
    target.dispose();
  }
  const cleanAccuracy = accuracyOf(outcomes['clean']);
  return {
    attacks: outcomes,
    wRobust: Object.fromEntries(
      Object.entries(outcomes)
        .filter(([name]) => name !== 'clean')
        .map(([name, outcome]) => [name, (cleanAccuracy + accuracyOf(outcome)) / 2]),
    ),
    warnings,
  };
};
