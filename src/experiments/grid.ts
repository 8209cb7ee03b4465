import { createHash } from 'node:crypto';
import type { DatasetIdentity } from '../data/datasets.js';
import type { Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import { findMethod, methods } from '../methods/catalogue.js';
import type { Method } from '../methods/method.js';
import { resolveRecipe, type RecipeChanges } from '../methods/recipe.js';
import {
  cellId,
  trainingRevision,
  type Cell,
  type CellId,
  type EvaluateCell,
  type TrainCell,
} from '../results/cell.js';
import type { Scale, StudentName } from './scale.js';

/** What a grid is laid out for: a scale, a data set by content, replicates. */
export interface GridSetting {
  readonly scale: Scale;
  readonly data: DatasetIdentity & { readonly classes: number; readonly imageSize: number };
  /** Default: the scale's. */
  readonly replicates: readonly number[];
  /** Of the arithmetic of every training; evaluations are in float32. */
  readonly precision: Precision;
}

const precisionSuffix = (precision: Precision): string => (precision === 'float32' ? '' : `-${precision}`);

/** A setting in a title: 'cifar10, lite'. */
export const settingTitle = (setting: GridSetting): string =>
  `${setting.data.name}, ${setting.scale.name}${precisionSuffix(setting.precision)}`;

/** A data set, a scale and a precision in a path and in the names of cells: 'cifar10-lite', 'cifar10-lite-bf16'. */
export const settingPath = (data: string, scale: string, precision: Precision = 'float32'): string =>
  `${data}-${scale}${precisionSuffix(precision)}`;

export const settingName = ({ data, scale, precision }: GridSetting): string =>
  settingPath(data.name, scale.name, precision);

/** A setting as flags: '--scale lite --data cifar10 --precision bf16'. */
export const settingFlags = ({ scale, data, precision }: GridSetting): string =>
  `--scale ${scale.name} --data ${data.name}${precision === 'float32' ? '' : ` --precision ${precision}`}`;

/** The command that runs and renders a table. */
export const tableCommand = (table: string, setting: GridSetting): string =>
  `npx ciard table ${table} ${settingFlags(setting)}`;

/** One network of a table, in one replicate. */
export interface GridRow {
  /** Of the table: students under one heading, methods (or variants) below. */
  readonly student: string;
  readonly method: string;
  readonly title: string;
  readonly replicate: number;
  readonly train: TrainCell;
  /** By the attack's name; what of a training is evaluated is the cell's. */
  readonly evaluations: Readonly<Record<string, EvaluateCell>>;
  /** Whose published numbers stand beside it, where they do. */
  readonly published?: string | undefined;
}

export const gridColumns = ['attacks', 'cost', 'degradation', 'held-out', 'generalisation'] as const;

/** A named table of experiments: a pure function of a scale, a data set and replicates. */
export interface Grid {
  readonly name: string;
  readonly title: string;
  /** What the table asks. */
  readonly question: string;
  /** What is told of each row: attacks by name, or of the training itself. */
  readonly columns: (typeof gridColumns)[number];
  /** What its reader is to know of it; the scale's own by default. */
  readonly budget?: (scale: Scale) => string;
  /** Methods of one's own, which the catalogue does not know. */
  readonly ownMethods?: readonly Method[];
  readonly rows: (setting: GridSetting) => readonly GridRow[];
}

/** A cell with what it waits for. */
export interface PlannedCell {
  readonly id: CellId;
  readonly cell: Cell;
  readonly name: string;
  readonly needs: readonly CellId[];
}

interface TrainOptions {
  readonly method: Method;
  readonly network: { readonly architecture: string; readonly width: number };
  readonly changes: RecipeChanges;
  readonly seed: number;
  /** Training images; those of the scale by default. */
  readonly images?: number | undefined;
  readonly clean?: CellId | undefined;
  readonly robust?: CellId | undefined;
}

/** A training of a grid. */
export const trainCell = (
  { scale, data, precision }: GridSetting,
  { method, network, changes, seed, images, clean, robust }: TrainOptions,
): TrainCell => ({
  kind: 'train',
  revision: trainingRevision,
  method: method.name,
  network: { ...network, classes: data.classes, imageSize: data.imageSize },
  data: { name: data.name, md5: data.train.md5, images: images ?? scale.trainImages },
  recipe: resolveRecipe(method, precision === 'float32' ? changes : { ...changes, precision }),
  seed,
  teachers: {
    clean: method.teachers.clean ? (clean ?? null) : null,
    robust: method.teachers.robust ? (robust ?? null) : null,
  },
});

/** The teachers of a setting. There is one of each, of replicate 0, for all students. */
export const teacherCells = (setting: GridSetting): { readonly clean: TrainCell; readonly robust: TrainCell } => {
  const teacher = ({ method, network, changes }: Scale['teachers']['clean']): TrainCell =>
    trainCell(setting, { method: findMethod(method), network, changes, seed: 0 });
  return { clean: teacher(setting.scale.teachers.clean), robust: teacher(setting.scale.teachers.robust) };
};

/** The evaluations of a training under attacks by name; transfer attacks are made on the robust teacher. */
export const evaluateCells = (
  setting: GridSetting,
  train: TrainCell,
  attacks: readonly string[],
  of: EvaluateCell['of'] = 'student',
): Record<string, EvaluateCell> => {
  const { data, scale } = setting;
  const model = cellId(train);
  return Object.fromEntries(
    attacks.map((name) => {
      const { spec, images } = scale.attack(name);
      return [
        name,
        {
          kind: 'evaluate',
          model,
          of,
          attack: spec,
          surrogate: name.startsWith('bb-') ? cellId(teacherCells(setting).robust) : null,
          data: {
            name: data.name,
            md5: data.test.md5,
            images: images !== null && images < data.test.images ? images : null,
          },
          seed: train.seed,
        } satisfies EvaluateCell,
      ];
    }),
  );
};

/** What an evaluation on training images is called among those of a row. */
export const onTrainingImages = (attack: string): string => `training-${attack}`;

/** A variant of a method as a row: what differs from the scale's recipe, and what it is called. */
export interface Variant {
  readonly key: string;
  readonly title: string;
  readonly method: Method;
  readonly changes?: RecipeChanges;
  /** Training images, where they are not the scale's. */
  readonly images?: number | undefined;
  /** The student, where it is not the scale's. */
  readonly network?: TrainOptions['network'] | undefined;
  readonly published?: string;
  readonly robust?: TrainCell;
}

const deepMerge = (first: RecipeChanges, second: RecipeChanges): RecipeChanges => ({
  ...first,
  ...second,
  settings: { ...first.settings, ...second.settings },
});

/** The rows of variants, for students and replicates. */
export const variantRows = (
  setting: GridSetting,
  variants: readonly Variant[],
  attacks: readonly string[],
  students: readonly StudentName[] = Object.keys(setting.scale.students) as StudentName[],
): GridRow[] => {
  const teachers = teacherCells(setting);
  return students.flatMap((student) => {
    const usual = setting.scale.students[student];
    if (!usual) return [];
    return variants.flatMap(
      ({ key, title, method, changes = {}, images, network, published, robust = teachers.robust }) =>
        setting.replicates.map((replicate): GridRow => {
          const train = trainCell(setting, {
            method,
            network: network ?? usual,
            changes: deepMerge(setting.scale.changes(method), changes),
            seed: replicate,
            images,
            clean: cellId(teachers.clean),
            robust: cellId(robust),
          });
          return {
            student,
            method: key,
            title,
            replicate,
            train,
            evaluations: evaluateCells(setting, train, attacks),
            published,
          };
        }),
    );
  });
};

/** The only student of an ablation: the first of the scale. */
export const ablationStudent = ({ scale }: GridSetting): StudentName[] =>
  (Object.keys(scale.students) as StudentName[]).slice(0, 1);

/** All cells of a grid, teachers before students and those before their evaluations, each once. */
export const cellsOf = (grid: Grid, setting: GridSetting): PlannedCell[] => {
  const rows = grid.rows(setting);
  const { scale } = setting;
  const found = new Map<CellId, PlannedCell>();
  const add = (cell: Cell, name: string, needs: readonly (CellId | null)[]): void => {
    const id = cellId(cell);
    if (!found.has(id)) found.set(id, { id, cell, name, needs: needs.filter((need) => need !== null) });
  };
  const prefix = settingName(setting);
  const known = new Map<CellId, { cell: TrainCell; name: string }>();
  const teachers = teacherCells(setting);
  const trainings: [TrainCell, string][] = [
    [teachers.clean, 'clean-teacher'],
    [teachers.robust, 'robust-teacher'],
    ...(['weaker', 'stronger'] as const).map((kind): [TrainCell, string] => {
      const { method, network, changes } = scale.otherTeachers[kind];
      return [trainCell(setting, { method: findMethod(method), network, changes, seed: 0 }), `${kind}-robust-teacher`];
    }),
  ];
  for (const [cell, name] of trainings) known.set(cellId(cell), { cell, name: `${prefix}/${name}` });
  const needed = new Set(
    rows.flatMap(({ train, evaluations }) => [
      train.teachers.clean,
      train.teachers.robust,
      ...Object.values(evaluations).map(({ surrogate }) => surrogate),
    ]),
  );
  for (const [id, { cell, name }] of known) if (needed.has(id)) add(cell, name, []);
  for (const { student, method, replicate, train, evaluations } of rows) {
    const name = known.get(cellId(train))?.name ?? `${prefix}/${method}-${student}-s${replicate}`;
    add(train, name, [train.teachers.clean, train.teachers.robust]);
    for (const [attack, cell] of Object.entries(evaluations)) {
      add(cell, `${name}/${cell.of === 'student' ? '' : 'teacher-'}${attack}`, [cell.model, cell.surrogate]);
    }
  }
  return [...found.values()];
};

/**
 * A method of one's own under a name that changes with its code, so that what was trained by an older form of it is
 * not taken for it. What its functions call is not looked at: rename the method where that alone has changed.
 */
const named = (method: Method): Method => {
  if (methods.includes(method)) return method;
  const { name, teachers, code } = method;
  const hash = createHash('sha256')
    .update(JSON.stringify([teachers, code]))
    .digest('hex');
  return { ...method, name: `${name}@${hash.slice(0, 12)}` };
};

/**
 * A grid of one's own: methods of one's own or of the catalogue, with changes of their recipes, as rows. What is trained
 * by a method of one's own runs in this process, the rest beside it.
 * @throws UserError where two rows have one key
 */
export const defineGrid = ({
  name,
  title = name,
  question = '',
  variants,
  attacks = ['clean', 'fgsm', 'pgd-sat'],
  students,
}: {
  readonly name: string;
  readonly title?: string;
  readonly question?: string;
  readonly variants: readonly Variant[];
  readonly attacks?: readonly string[];
  /** Default: the scale's first. */
  readonly students?: readonly StudentName[];
}): Grid => {
  const twice = variants.find(({ key }, i) => variants.findIndex((other) => other.key === key) < i);
  if (twice) throw new UserError(`the grid ${name} has two rows called ${twice.key}: give each a key of its own.`);
  const rows = variants.map((variant) => ({ ...variant, method: named(variant.method) }));
  return {
    ...{ name, title, question, columns: 'attacks' },
    ownMethods: rows.map(({ method }) => method).filter((method) => !methods.includes(method)),
    rows: (setting) => variantRows(setting, rows, attacks, students ?? ablationStudent(setting)),
  };
};
