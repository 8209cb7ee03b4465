import { UserError } from '../errors.js';
import { findMethod, methods } from '../methods/catalogue.js';
import type { RecipeChanges } from '../methods/recipe.js';
import {
  ablationStudent,
  evaluateCells,
  onTrainingImages,
  teacherCells,
  trainCell,
  variantRows,
  type Grid,
  type GridRow,
  type GridSetting,
  type Variant,
} from './grid.js';

/** The white-box attacks of the papers' tables, with clean accuracy. */
const whiteBox = ['clean', 'fgsm', 'pgd-sat', 'pgd-trades', 'cw', 'autoattack'];
const blackBox = ['clean', 'bb-pgd-trades', 'bb-cw', 'square-100'];
/** What an ablation is judged by. */
const ablationAttacks = ['clean', 'fgsm', 'pgd-sat'];

const published: readonly Variant[] = methods.map((method) => ({
  key: method.name,
  title: method.title,
  method,
  published: method.name,
}));

const ciardVariant = (key: string, title: string, changes: RecipeChanges = {}): Variant => ({
  key,
  title,
  method: findMethod('ciard'),
  changes,
});

const settings = (given: Record<string, number | string>): RecipeChanges => ({ settings: given });

const full = ciardVariant('ciard', 'CIARD');
const withoutItt = ciardVariant('ciard-without-itt', 'CIARD without ITT', settings({ retrainEvery: 0 }));

const students: Grid = {
  name: 'students',
  title: 'Students of every method',
  question: 'How accurate and how robust are the students of each method?',
  columns: 'attacks',
  rows: (setting) => variantRows(setting, published, whiteBox),
};

const teacherRows = (setting: GridSetting): GridRow[] => {
  const { clean, robust } = teacherCells(setting);
  const row = (method: string, title: string, train: GridRow['train'], of: 'student' | 'robust teacher'): GridRow => ({
    student: train.network.architecture,
    method,
    title,
    replicate: train.seed,
    train,
    evaluations: evaluateCells(setting, train, whiteBox, of),
  });
  const students = variantRows(setting, [full], [], ablationStudent(setting));
  return [
    row('clean-teacher', 'Clean teacher', clean, 'student'),
    row('robust-teacher', 'Robust teacher', robust, 'student'),
    ...students.map(({ train }) => row('robust-teacher-itt', 'Robust teacher as ITT left it', train, 'robust teacher')),
  ];
};

const teachers: Grid = {
  name: 'teachers',
  title: 'Teachers',
  question: 'How accurate and how robust are the teachers, and what does ITT make of the robust one?',
  columns: 'attacks',
  rows: teacherRows,
};

const blackBoxGrid: Grid = {
  name: 'black-box',
  title: 'Students under black-box attacks',
  question: 'What is left of the students under attacks that do not see them?',
  columns: 'attacks',
  rows: (setting) => variantRows(setting, published, blackBox),
};

const ablation = (name: string, title: string, question: string, variants: readonly Variant[]): Grid => ({
  name,
  title,
  question,
  columns: 'attacks',
  rows: (setting) => variantRows(setting, variants, ablationAttacks, ablationStudent(setting)),
});

const ablationTerms = ablation('ablation-terms', 'Ablation: the terms of CIARD', 'What does each part of CIARD do?', [
  full,
  ciardVariant('ciard-without-push', 'CIARD without push', settings({ pushWeight: 0 })),
  withoutItt,
  ciardVariant('ciard-without-both', 'CIARD without push and ITT', settings({ pushWeight: 0, retrainEvery: 0 })),
  ciardVariant(
    'ciard-clean-kl',
    'CIARD, clean teacher’s KL in place of CE',
    settings({ naturalTerm: 'clean-teacher' }),
  ),
  {
    key: 'ciard-code-ce',
    title: 'CIARD (published code), CE in place of the clean teacher’s KL',
    method: findMethod('ciard-code'),
    changes: settings({ naturalTerm: 'cross-entropy' }),
  },
  ciardVariant('ciard-push-clean', 'CIARD, push on clean images', settings({ pushOn: 'clean' })),
]);

const intervals = [
  ['every-step', 'at every step', 1 / 300],
  ['every-5', 'every 5 epochs of 300', 5 / 300],
  ['every-20', 'every 20 epochs of 300', 20 / 300],
] as const;

const withoutWarmUp = ciardVariant('ciard-no-warm-up', 'CIARD without warm-up', settings({ warmUp: 0 }));

const retrainings = ablation(
  'ablation-itt',
  'Ablation: when the robust teacher is retrained',
  'How long a warm-up, and how often is the teacher to be retrained?',
  [
    full,
    withoutItt,
    ...intervals.map(([key, title, retrainEvery]) =>
      ciardVariant(`ciard-${key}`, `CIARD, retrained ${title}`, settings({ retrainEvery })),
    ),
    withoutWarmUp,
    ciardVariant('ciard-warm-up-100', 'CIARD, warm-up of 100 epochs of 300', settings({ warmUp: 100 / 300 })),
  ],
);

const ablationItt: Grid = {
  ...retrainings,
  rows(setting) {
    const { method } = withoutWarmUp;
    const { naturalPrefix = 0 } = setting.scale.changes(method);
    // A natural prefix that is longer than the warm-up is a warm-up itself: without one, the training is the same.
    const same = naturalPrefix >= Number(method.recipe.settings['warmUp']);
    return retrainings.rows(setting).filter((row) => !same || row.method !== withoutWarmUp.key);
  },
};

const ablationPush = ablation(
  'ablation-push',
  'Ablation: the push loss',
  'How strong, and how soft, is the push to be?',
  [
    full,
    ciardVariant('ciard-without-push', 'CIARD without push', settings({ pushWeight: 0 })),
    ...[0.1, 0.5, 1, 2].map((pushWeight) =>
      ciardVariant(
        `ciard-push-${pushWeight}`,
        `CIARD, push × ${pushWeight}`,
        settings({ pushRule: 'fixed', pushWeight }),
      ),
    ),
    ciardVariant('ciard-push-magnitude', 'CIARD, push matched in magnitude', settings({ pushRule: 'magnitude' })),
    ...[1, 2, 10].map((pushTemperature) =>
      ciardVariant(
        `ciard-push-t${pushTemperature}`,
        `CIARD, push at temperature ${pushTemperature}`,
        settings({ pushTemperature }),
      ),
    ),
  ],
);

const degradation: Grid = {
  ...ablation(
    'degradation',
    'The robust teacher on the student’s adversarial images',
    'Does the teacher fail on what is made against the student, and does ITT prevent it?',
    [full, withoutItt],
  ),
  columns: 'degradation',
};

const cost: Grid = {
  name: 'cost',
  title: 'Cost of training',
  question: 'What does each method cost, and what is ITT’s share?',
  columns: 'cost',
  rows: (setting) => variantRows(setting, [...published, withoutItt], ['clean'], ablationStudent(setting)),
};

const teacherSensitivity: Grid = {
  name: 'teacher-sensitivity',
  title: 'Weaker and stronger robust teachers',
  question: 'How much depends on the robust teacher?',
  columns: 'attacks',
  rows(setting) {
    const variants = (['weaker', 'usual', 'stronger'] as const).flatMap((kind): Variant[] => {
      const teacher = kind === 'usual' ? undefined : setting.scale.otherTeachers[kind];
      const robust = teacher && trainCell(setting, { ...teacher, method: findMethod(teacher.method), seed: 0 });
      return ['ciard', 'mtard', 'rslad'].map((name) => {
        const method = findMethod(name);
        return {
          key: kind === 'usual' ? name : `${name}-${kind}-teacher`,
          title: kind === 'usual' ? method.title : `${method.title}, ${kind} teacher`,
          method,
          ...(robust ? { robust } : {}),
        };
      });
    });
    return variantRows(setting, variants, ablationAttacks, ablationStudent(setting));
  },
};

/** Every table, in the order in which they are made: a cell that several have is the first one's. Add one here. */
export const grids: readonly Grid[] = [
  students,
  teachers,
  blackBoxGrid,
  ablationTerms,
  ablationItt,
  ablationPush,
  degradation,
  cost,
  teacherSensitivity,
];

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
    const { widerStudent } = setting.scale;
    if (!widerStudent) return [];
    const variants = ['pgd-at', 'rslad', 'b-mtard', 'ciard'].flatMap((name): Variant[] => {
      const method = findMethod(name);
      const { title } = method;
      return [
        { key: name, title, method },
        { key: `${name}-wider`, title: `${title}, width × ${widerStudent.width}`, method, network: widerStudent },
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
const inquiries: readonly Grid[] = [rates, recipes, studentWidth, generalisation];

/** The tables, and what stands beside them. */
export const allGrids: readonly Grid[] = [...grids, ...inquiries];

/** @throws UserError where there is no such table */
export const findGrid = (name: string): Grid => {
  const grid = allGrids.find((candidate) => candidate.name === name);
  if (grid) return grid;
  throw new UserError(`there is no table "${name}". Known are ${allGrids.map((each) => each.name).join(', ')}.`);
};
