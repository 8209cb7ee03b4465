import { findMethod, methods } from '../methods/catalogue.js';
import type { RecipeChanges } from '../methods/recipe.js';
import { ablationStudent, onTrainingImages, variantRows, type Grid, type Variant } from './grid.js';
import { ablationAttacks, published } from './paper-grids.js';

/** What is chosen by a pilot is not measured on the replicate that chose it: a pilot's is far from those of tables. */
export const pilotReplicate = 100;

/** The same search, of the same size, for every method: judged by images held out of the training set. */
const rates: Grid = {
  name: 'rates',
  title: 'Pilot: the learning rate of each method, and the weight of its loss',
  question:
    'At which peak of the rate, and which weight of its loss, does each method learn most in the time that a scale gives it?',
  columns: 'held-out',
  budget: ({ ratePilot, budget }) => ratePilot?.budget ?? budget,
  rows(setting) {
    const { scale } = setting;
    const { rates: tried = [], lossWeights = [], changes = {}, images } = scale.ratePilot ?? {};
    const variants = methods.flatMap((method): Variant[] => {
      const { optimiser, lossWeight: chosen, settings: changed } = scale.changes(method);
      const schedule = optimiser?.learningRate;
      if (schedule?.kind !== 'one-cycle') return [];
      const variant = (
        rate: number,
        lossWeight: number | undefined,
      ): Variant & { readonly changes: RecipeChanges } => ({
        key: `${method.name}-${rate}${lossWeight === undefined ? '' : `x${lossWeight}`}`,
        title: `${method.title}, ${rate}${lossWeight === undefined ? '' : `, loss × ${lossWeight}`}`,
        method,
        changes: { ...changes, lossWeight, optimiser: { ...optimiser, learningRate: { ...schedule, rate } } },
        images,
      });
      // What a scale changes of a method's own settings it changes for a reason, which these rows show.
      const asPublished = (rate: number): Variant => {
        const { key, title, ...rest } = variant(rate, chosen);
        const { settings: own } = method.recipe;
        const settings = Object.fromEntries(Object.keys(changed ?? {}).map((name) => [name, own[name]]));
        return {
          ...rest,
          key: `${key}-as-published`,
          title: `${title}, its settings as published`,
          changes: { ...rest.changes, settings },
        };
      };
      return tried.flatMap((rate) => [
        ...[undefined, ...lossWeights].map((lossWeight) => variant(rate, lossWeight)),
        ...(changed ? [asPublished(rate)] : []),
      ]);
    });
    return variantRows({ ...setting, replicates: [pilotReplicate] }, variants, [], ablationStudent(setting));
  },
};

/**
 * What is tried beside the recipe that a scale's pilot begins from, `base`, one change at a time: in the same number of
 * epochs or, where it says so, in the same time.
 */
const triedRecipes: readonly {
  readonly key: string;
  readonly title: string;
  readonly changes: (base: RecipeChanges) => RecipeChanges;
}[] = [
  { key: 'base', title: 'What it began from', changes: () => ({}) },
  {
    key: 'rate-0.4',
    title: 'A peak of the rate at 0.4',
    changes: ({ optimiser }) =>
      optimiser?.learningRate?.kind === 'one-cycle'
        ? { optimiser: { ...optimiser, learningRate: { ...optimiser.learningRate, rate: 0.4 } } }
        : {},
  },
  { key: 'batch-64', title: 'Batches of 64', changes: () => ({ batchSize: 64 }) },
  {
    key: 'weight-decay-1e-4',
    title: 'Weight decay 1e-4',
    changes: ({ optimiser }) => ({ optimiser: { ...optimiser, weightDecay: 1e-4 } }),
  },
  {
    key: 'one-step',
    title: 'One attack step of ε, in the same time (6 epochs)',
    changes: ({ attack }) => ({ attack: { ...attack, steps: 1, stepSize: 8 / 255 }, epochs: 6 }),
  },
  {
    key: 'natural-prefix',
    title: 'A natural quarter first, in the same time (5 epochs)',
    changes: () => ({ naturalPrefix: 0.25, epochs: 5 }),
  },
  { key: 'label-smoothing', title: 'Label smoothing 0.1', changes: () => ({ labelSmoothing: 0.1 }) },
  { key: 'no-averaging', title: 'Without the average of the weights', changes: () => ({ averaging: null }) },
];

/** Adversarial training alone: what it gains is what every method is given. */
const recipes: Grid = {
  name: 'recipes',
  title: 'Pilot: the recipe of a scale',
  question: 'Which recipe makes adversarial training most robust in a given time?',
  columns: 'held-out',
  budget: ({ pilot, budget }) => pilot?.budget ?? budget,
  rows(setting) {
    const base = setting.scale.pilot?.changes;
    if (!base) return [];
    const variants = triedRecipes.map(({ key, title, changes }): Variant => ({
      key,
      title,
      method: findMethod('pgd-at'),
      changes: { ...base, ...changes(base) },
    }));
    return variantRows({ ...setting, replicates: [pilotReplicate] }, variants, [], ablationStudent(setting));
  },
};

/** What a small scale makes of the paper's order of methods: whether it is the student's size that does it. */
const studentWidth: Grid = {
  name: 'student-width',
  title: 'Students of more width',
  question:
    'Is it for want of width that a small student gains less from two teachers than from adversarial training alone?',
  columns: 'attacks',
  rows(setting) {
    const { widerStudent, students } = setting.scale;
    const usual = students[ablationStudent(setting)[0]!];
    if (!widerStudent || !usual) return [];
    const variants = ['pgd-at', 'rslad', 'b-mtard', 'ciard'].flatMap((name): Variant[] => {
      const method = findMethod(name);
      const { title } = method;
      return [
        { key: name, title, method },
        {
          key: `${name}-wider`,
          title: `${title}, ${widerStudent.width / usual.width} × as wide`,
          method,
          network: widerStudent,
        },
      ];
    });
    return variantRows(setting, variants, ablationAttacks, ablationStudent(setting));
  },
};

/** Where adversarial training fails on its own training images, there is nothing for a teacher to regularise. */
const generalisation: Grid = {
  name: 'generalisation',
  title: 'Training images beside test images',
  question: 'Do students fail on what they were trained on, or on what they were not?',
  columns: 'generalisation',
  budget: ({ budget, changes }) => {
    const { validation } = changes(findMethod('pgd-at'));
    return (
      `${budget}. As many training images as there are test images, spread over the training set` +
      (validation?.images === undefined ? '' : ` (with their share of the ${validation.images} held out)`) +
      ', without augmentation'
    );
  },
  rows(setting) {
    const { scale, data } = setting;
    // Where a part of the training set is trained on, images spread over the whole are none of it.
    if (scale.trainImages !== null) return [];
    const attacks = ['clean', 'pgd-sat'];
    return variantRows(setting, published, attacks, ablationStudent(setting)).map((row) => ({
      ...row,
      published: undefined,
      evaluations: {
        ...row.evaluations,
        ...Object.fromEntries(
          attacks.map((attack) => {
            const cell = row.evaluations[attack]!;
            const images = { name: data.name, md5: data.train.md5, images: data.test.images, part: 'train' as const };
            return [onTrainingImages(attack), { ...cell, data: images }];
          }),
        ),
      },
    }));
  },
};

/** What a scale's recipe was chosen by, and what explains its results: no table of the paper. */
export const inquiries: readonly Grid[] = [rates, recipes, studentWidth, generalisation];
