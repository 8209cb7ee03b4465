import { resolveAttack, type AttackSpec } from '../attacks/catalogue.js';
import type { DatasetName } from '../data/names.js';
import type { Method } from '../methods/method.js';
import type { RecipeChanges, Settings } from '../methods/recipe.js';
import type { ScaleName } from './scale-names.js';

export const studentNames = ['resnet18', 'mobilenetv2'] as const;
export type StudentName = (typeof studentNames)[number];

interface ScaledNetwork {
  readonly architecture: string;
  readonly width: number;
}

/** An attack of a scale, and on how many test images it is tried; null for all of them. */
export interface ScaledAttack {
  readonly spec: AttackSpec;
  readonly images: number | null;
}

interface ScaledTeacher {
  readonly method: string;
  readonly network: ScaledNetwork;
  readonly changes: RecipeChanges;
}

/** What a scale changes of the published experiments: for every method alike. */
export interface Scale {
  readonly name: ScaleName;
  readonly datasets: readonly DatasetName[];
  readonly students: Partial<Record<StudentName, ScaledNetwork>>;
  readonly teachers: Readonly<Record<'clean' | 'robust', ScaledTeacher>>;
  /** Robust teachers beside the usual one, for `teacher-sensitivity`. */
  readonly otherTeachers: Readonly<Record<'weaker' | 'stronger', ScaledTeacher>>;
  /** The first student, wider, for `student-width`. */
  readonly widerStudent?: ScaledNetwork;
  /** Images trained on; null for all that are not held out. */
  readonly trainImages: number | null;
  readonly replicates: number;
  readonly changes: (method: Method) => RecipeChanges;
  /** What the pilot of recipes began from, where there was one, and what its reader is to know. */
  readonly pilot?: { readonly changes: RecipeChanges; readonly budget: string };
  readonly attack: (name: string) => ScaledAttack;
  /**
   * The search for each method's peak of a one-cycle rate: the peaks that every method is tried at, what its loss is
   * multiplied by beside 1, and what is spent on each; where nothing is said, what the scale spends. Where there is a
   * natural prefix it is the loss that is weighted: a rate that makes up for small gradients is too large for the prefix,
   * and decays the weights too much.
   */
  readonly ratePilot?: {
    readonly rates: readonly number[];
    readonly lossWeights?: readonly number[];
    readonly changes?: RecipeChanges;
    readonly images?: number;
    readonly budget?: string;
  };
  /** What the reader of a table is to know of it. */
  readonly budget: string;
}

const whole = (name: string): ScaledAttack => ({ spec: resolveAttack(name), images: null });

/** A rate that rises and falls once; two attack steps that leave the ball, and are cut. */
const oneCycle = (epochs: number, rate: number, peak: number): RecipeChanges => ({
  epochs,
  optimiser: { learningRate: { kind: 'one-cycle', rate, peak }, weightDecay: 5e-4 },
  attack: { steps: 2, stepSize: 5 / 255, mode: 'evaluation' },
  dropLast: true,
});

const quickResnet = { architecture: 'quick-resnet', width: 0.5 };
const quickImages = 500;
const quickChanges = (epochs = 5, rate = 0.1): RecipeChanges => ({
  ...oneCycle(epochs, rate, 1 / 3),
  batchSize: 50,
  validation: { images: 200, steps: 3, every: 1 },
});

/** By the pilot (`ciard table rates`): of four rates the one with the best W-Robust, natural training's by clean accuracy. */
const quickRates: Readonly<Record<string, number>> = {
  ...{ natural: 0.3, 'pgd-at': 1, trades: 0.3, ard: 1, iad: 0.3, rslad: 3, adaad: 1 },
  ...{ mtard: 3, 'b-mtard': 3, ciard: 0.3, 'ciard-code': 1 },
};

const quick: Scale = {
  name: 'quick',
  datasets: ['synthetic'],
  students: { resnet18: quickResnet, mobilenetv2: { architecture: 'quick-mobilenet', width: 0.75 } },
  teachers: {
    clean: { method: 'natural', network: quickResnet, changes: quickChanges() },
    robust: { method: 'pgd-at', network: quickResnet, changes: quickChanges(10) },
  },
  otherTeachers: {
    weaker: { method: 'pgd-at', network: quickResnet, changes: quickChanges(4) },
    stronger: { method: 'pgd-at', network: { ...quickResnet, width: 1 }, changes: quickChanges(10) },
  },
  trainImages: 2000,
  replicates: 3,
  changes: ({ name }) => quickChanges(5, quickRates[name]),
  attack: (name) =>
    name === 'autoattack'
      ? { spec: resolveAttack('autoattack', { iterations: 10, queries: 100, targets: 3 }), images: 100 }
      : { spec: resolveAttack(name), images: quickImages },
  ratePilot: {
    rates: [0.1, 0.3, 1, 3],
    budget:
      'Embedded synthetic data, 2,000 training images and five epochs, a row a peak of the rate; judged by 200 images held ' +
      'out; a network of three blocks (20,000 parameters), teachers those of the scale',
  },
  budget:
    'Embedded synthetic data, 2,000 training images, five epochs (robust teacher ten), two attack steps while training, each ' +
    'method at the best of four rates (for RSLAD, MTARD and B-MTARD that is the highest), teachers at a rate of 0.1; ' +
    'in the place of ResNet-18 and MobileNetV2 stand networks of three blocks (20,000 and 14,000 parameters). Both teachers ' +
    'are of replicate 0. 500 test images spread over the test set; AutoAttack with 10 iterations, 3 targets and 100 queries ' +
    'on 100 of them',
};

const litePilot: RecipeChanges = {
  ...oneCycle(4, 0.15, 1 / 4),
  batchSize: 128,
  averaging: { decay: 0.999 },
  naturalPrefix: 0,
  validation: { images: 1000, steps: 10, every: 1 },
};

/**
 * By the pilot (`ciard table recipes --scale lite --data cifar10`): with batches of 64, and with a natural quarter, both
 * accuracies were higher after the same minutes, if by less than 1,000 images can tell; without the average of the weights
 * robust accuracy was 3 points lower. Label smoothing is no setting of most methods, and was left out for all.
 */
const liteChanges = (epochs = 12): RecipeChanges => ({ ...litePilot, epochs, batchSize: 64, naturalPrefix: 1 / 4 });

/**
 * By the pilot (`ciard table rates --scale lite --data cifar10 --precision bf16`): of three weights the one with the best
 * W-Robust on held-out images, natural training's by clean accuracy; of those within a point, the smallest. They are the
 * methods whose losses are means over elements, and ten makes means over images of them.
 */
const liteLossWeights: Readonly<Record<string, number>> = {
  ard: 10,
  rslad: 10,
  mtard: 10,
  'b-mtard': 10,
  'ciard-code': 10,
};

/**
 * What a short run with a natural prefix asks of rules that were made for long ones without: CIARD's push grows within the
 * run, and MTARD's weights do not take what the prefix has taught for what the method has.
 */
const liteSettings: Readonly<Record<string, Settings>> = {
  ciard: { pushRule: 'adaptive-in-run' },
  mtard: { fallsFrom: 'uniform' },
  'b-mtard': { fallsFrom: 'uniform' },
};

const lite: Scale = {
  name: 'lite',
  datasets: ['cifar10', 'cifar100', 'tiny-imagenet'],
  students: {
    resnet18: { architecture: 'resnet18', width: 0.125 },
    mobilenetv2: { architecture: 'mobilenetv2', width: 0.25 },
  },
  teachers: {
    clean: { method: 'natural', network: { architecture: 'resnet18', width: 0.25 }, changes: liteChanges() },
    robust: { method: 'pgd-at', network: { architecture: 'resnet18', width: 0.25 }, changes: liteChanges(24) },
  },
  otherTeachers: {
    weaker: { method: 'pgd-at', network: { architecture: 'resnet18', width: 0.25 }, changes: liteChanges(6) },
    stronger: { method: 'pgd-at', network: { architecture: 'resnet18', width: 0.5 }, changes: liteChanges(24) },
  },
  widerStudent: { architecture: 'resnet18', width: 0.25 },
  trainImages: null,
  replicates: 3,
  changes: ({ name }) => ({
    ...liteChanges(),
    ...(name in liteLossWeights ? { lossWeight: liteLossWeights[name] } : {}),
    ...(name in liteSettings ? { settings: liteSettings[name] } : {}),
  }),
  pilot: {
    changes: litePilot,
    budget:
      'Real data, all training images but 1,000 held out, by which it is judged; ResNet-18 at an eighth of its width. It ' +
      'began from 4 epochs, batches of 128, a one-cycle rate of 0.15, weight decay 5e-4, two attack steps of 5/255 and the ' +
      'average of the weights; a row says what it changes',
  },
  ratePilot: {
    rates: [0.15],
    lossWeights: [3, 10],
    changes: { epochs: 4 },
    images: 12_250,
    budget:
      'Real data, 12,250 training images and four epochs, the first of them on clean images, otherwise as the scale trains; ' +
      'judged by 1,000 images held out; ResNet-18 at an eighth of its width, teachers those of the scale',
  },
  attack: (name) => (name === 'autoattack' ? { spec: resolveAttack(name), images: 1000 } : whole(name)),
  budget:
    'Real data, all training images but 1,000 held out, 12 epochs (robust teacher 24), the first quarter of them on clean ' +
    'images, two attack steps while training, each method at the smallest of three weights of its loss that comes within a ' +
    'point of the best (for ARD, RSLAD, MTARD, B-MTARD and the published code of CIARD that is the highest, for the others ' +
    'the lowest); CIARD’s push grows within a quarter of the run (its pilot did not tell that from the published rule), and the weights of MTARD and B-MTARD are measured from a student that knows nothing, not from one that clean ' +
    'images have trained; ResNet-18 at an eighth and MobileNetV2 at a quarter of their widths, teachers at a quarter. ' +
    'Both teachers are of replicate 0. AutoAttack on 1,000 images spread over the test set',
};

const paper: Scale = {
  name: 'paper',
  datasets: ['cifar10', 'cifar100', 'tiny-imagenet'],
  students: {
    resnet18: { architecture: 'resnet18', width: 1 },
    mobilenetv2: { architecture: 'mobilenetv2', width: 1 },
  },
  teachers: {
    clean: { method: 'natural', network: { architecture: 'cifar-resnet-56', width: 1 }, changes: {} },
    robust: { method: 'trades', network: { architecture: 'wrn-34-10', width: 1 }, changes: {} },
  },
  otherTeachers: {
    weaker: { method: 'pgd-at', network: { architecture: 'resnet18', width: 1 }, changes: {} },
    stronger: { method: 'trades', network: { architecture: 'wrn-70-16', width: 1 }, changes: {} },
  },
  trainImages: null,
  replicates: 5,
  changes: () => ({}),
  attack: whole,
  budget: 'The published recipes: full width, 76 to 300 epochs, all training images but 1,000 held out',
};

export const scales: Readonly<Record<ScaleName, Scale>> = { quick, lite, paper };
