import { findMethod, methods } from '../methods/catalogue.js';
import type { RecipeChanges } from '../methods/recipe.js';
import {
  ablationStudent,
  evaluateCells,
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
export const ablationAttacks = ['clean', 'fgsm', 'pgd-sat'];

/** Every method with what was published of it. */
export const published: readonly Variant[] = methods.map((method) => ({
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
