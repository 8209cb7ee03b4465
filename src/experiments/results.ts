import { inColumnOrder } from '../attacks/catalogue.js';
import { accuracyOf } from '../evaluation/accuracy.js';
import { unpackOutcome } from '../evaluation/outcome-bits.js';
import type { CellRecord } from '../results/cell-record.js';
import { cellId } from '../results/cell.js';
import { publishedRow, type PublishedRow } from '../results/published.js';
import { meanOf } from '../statistics/mean.js';
import type { Series } from '../statistics/series.js';
import { slopeOf } from '../statistics/slope.js';
import { onTrainingImages, type Grid, type GridRow, type GridSetting } from './grid.js';
import { recordOf, type Places } from './places.js';

/** A row of a grid with what was measured of it so far. */
export interface MeasuredRow extends GridRow {
  readonly training: CellRecord | undefined;
  /** By the attack's name. */
  readonly measured: Readonly<Record<string, CellRecord>>;
}

/** Reads the records of a grid. Rows without any are there too. */
export const measuredRows = async (grid: Grid, setting: GridSetting, places: Places): Promise<MeasuredRow[]> => {
  const rows: MeasuredRow[] = [];
  for (const row of grid.rows(setting)) {
    const measured: Record<string, CellRecord> = {};
    for (const [attack, cell] of Object.entries(row.evaluations)) {
      const record = await recordOf(places, cellId(cell), grid.name);
      if (record) measured[attack] = record;
    }
    rows.push({ ...row, training: await recordOf(places, cellId(row.train), grid.name), measured });
  }
  return rows;
};

/**
 * The rows of a setting, and those of its other replicates of which there are records: a table that is written from them
 * loses none, whichever replicates were asked for.
 */
export const rowsOnRecord = async (grid: Grid, setting: GridSetting, places: Places): Promise<MeasuredRow[]> => {
  const rows = await measuredRows(grid, setting, places);
  for (let replicate = 0, found = true; found || replicate < setting.scale.replicates; replicate++) {
    if ((found = setting.replicates.includes(replicate))) continue;
    const others = (await measuredRows(grid, { ...setting, replicates: [replicate] }, places)).filter(
      (row) => row.replicate === replicate && (row.training !== undefined || Object.keys(row.measured).length > 0),
    );
    found = others.length > 0;
    rows.push(...others);
  }
  return rows;
};

/** A number of a table: over replicates, with what was published beside it. */
export interface Value {
  readonly mean: number;
  /** Standard deviation; null where there is one replicate. */
  readonly sd: number | null;
  readonly n: number;
  readonly paper: number | null;
  /** Whose number `paper` is. */
  readonly source: string | null;
  readonly warned: boolean;
}

/** A row of a table: a method (or a variant) over its replicates. Accuracies are in percent. */
export interface ResultRow {
  readonly student: string;
  readonly method: string;
  readonly title: string;
  readonly n: number;
  readonly values: Readonly<Record<string, Value>>;
}

/** W-Robust by this attack: (clean + robust) / 2. */
const wRobustAttack = 'pgd-sat';
export const wRobustName = 'w-robust';

const accuracy = (record: CellRecord | undefined): number | undefined =>
  record?.evaluation ? accuracyOf(record.evaluation) : undefined;

/** The accuracies of a row's replicates under an attack, with their outcomes image by image. */
export const seriesOf = (rows: readonly MeasuredRow[], attack: string): Series =>
  rows.flatMap(({ replicate, measured }) => {
    const evaluation = measured[attack]?.evaluation;
    if (!evaluation) return [];
    return [
      { replicate, accuracy: accuracyOf(evaluation), outcome: unpackOutcome(evaluation.outcome, evaluation.total) },
    ];
  });

/** The epochs of the method itself: those of the natural prefix are not its outcome. */
const ownEpochs = ({ train, training }: MeasuredRow): NonNullable<CellRecord['training']>['history'] => {
  const { epochs, naturalPrefix } = train.recipe;
  return (training?.training?.history ?? []).filter(({ epoch }) => epoch / epochs > naturalPrefix);
};

/** The robust teacher's accuracy on the student's adversarial held-out images, by epoch of the method. */
export const teacherCourse = (row: MeasuredRow): { x: number; y: number }[] =>
  ownEpochs(row).flatMap(({ epoch, validation }) =>
    validation?.teacherRobust === undefined ? [] : [{ x: epoch, y: validation.teacherRobust }],
  );

/** Robust accuracy of the student on held-out images over the last third of the method's epochs. */
export const lastThird = (row: MeasuredRow): { x: number; y: number }[] => {
  const history = ownEpochs(row);
  return history
    .slice(-Math.max(2, Math.ceil(history.length / 3)))
    .flatMap(({ epoch, validation }) => (validation ? [{ x: epoch, y: validation.robust }] : []));
};

const publishedOf = ({ published, student }: GridRow, { data }: GridSetting): PublishedRow | undefined =>
  published === undefined ? undefined : publishedRow(data.name, student, published);

type Numbers = Readonly<Record<string, readonly (number | undefined)[]>>;

/** What a table of accuracies holds, in percent. */
const attackNumbers = (rows: readonly MeasuredRow[]): Numbers => {
  const attacks = inColumnOrder(rows.flatMap(({ evaluations }) => Object.keys(evaluations)));
  const percents = (attack: string): (number | undefined)[] =>
    rows.map(({ measured }) => {
      const value = accuracy(measured[attack]);
      return value === undefined ? undefined : 100 * value;
    });
  const numbers = Object.fromEntries(attacks.map((attack) => [attack, percents(attack)]));
  const [clean, robust] = [numbers['clean'], numbers[wRobustAttack]];
  if (!clean || !robust) return numbers;
  return {
    ...numbers,
    [wRobustName]: clean.map((value, i) =>
      value === undefined || robust[i] === undefined ? undefined : (value + robust[i]) / 2,
    ),
  };
};

const degradationNumbers = (rows: readonly MeasuredRow[]): Numbers => {
  const courses = rows.map(teacherCourse);
  return {
    first: courses.map((course) => (course[0] ? 100 * course[0].y : undefined)),
    last: courses.map((course) => (course.length > 0 ? 100 * course.at(-1)!.y : undefined)),
    slope: courses.map((course) => (course.length > 1 ? 100 * slopeOf(course) : undefined)),
    'student-slope': rows.map((row) => (lastThird(row).length > 1 ? 100 * slopeOf(lastThird(row)) : undefined)),
  };
};

/**
 * What one training cost in processor seconds, as a multiple of another.
 * @returns undefined where one is not there, or they ran on processors of another name or with other numbers of
 *   TensorFlow's threads
 */
export const costRatio = (one: CellRecord | undefined, other: CellRecord | undefined): number | undefined => {
  if (!one || !other) return undefined;
  const [own, base] = [one.environment, other.environment];
  const isSame = own.cpu === base.cpu && own.tensorflow.threads === base.tensorflow.threads;
  return isSame ? one.cost.processor / other.cost.processor : undefined;
};

const costNumbers = (rows: readonly MeasuredRow[], all: readonly MeasuredRow[]): Numbers => {
  const base = (row: MeasuredRow): CellRecord | undefined =>
    all.find(
      ({ student, replicate, method }) => student === row.student && replicate === row.replicate && method === 'pgd-at',
    )?.training;
  return {
    seconds: rows.map(({ training }) => training?.cost.processor),
    'relative-to-pgd-at': rows.map((row) => costRatio(row.training, base(row))),
  };
};

/** What the network that was chosen reached on held-out images, in percent. */
const heldOutNumbers = (rows: readonly MeasuredRow[]): Numbers => {
  const chosen = rows.map(({ training }) => {
    const { history, best } = training?.training ?? {};
    return history?.find(({ epoch }) => epoch === best?.epoch)?.validation;
  });
  const percents = (value: (validation: NonNullable<(typeof chosen)[number]>) => number): (number | undefined)[] =>
    chosen.map((validation) => (validation ? 100 * value(validation) : undefined));
  return {
    'held-out-clean': percents(({ clean }) => clean),
    'held-out-robust': percents(({ robust }) => robust),
    'held-out-w-robust': percents(({ clean, robust }) => (clean + robust) / 2),
  };
};

/** Accuracies on training images beside those on test images, in percent, and how much they are above. */
const generalisationNumbers = (rows: readonly MeasuredRow[]): Numbers =>
  Object.fromEntries(
    (
      [
        ['clean', 'clean'],
        ['robust', 'pgd-sat'],
      ] as const
    ).flatMap(([name, attack]) => {
      const [training, test] = [onTrainingImages(attack), attack].map((key) =>
        rows.map(({ measured }) => {
          const value = accuracy(measured[key]);
          return value === undefined ? undefined : 100 * value;
        }),
      ) as [(number | undefined)[], (number | undefined)[]];
      const gap = training.map((value, i) =>
        value === undefined || test[i] === undefined ? undefined : value - test[i],
      );
      return [
        [`training-${name}`, training],
        [`test-${name}`, test],
        [`gap-${name}`, gap],
      ] as const;
    }),
  );

/** The rows of a table over the replicates that are measured, in the grid's order. */
export const resultRows = (grid: Grid, setting: GridSetting, rows: readonly MeasuredRow[]): ResultRow[] => {
  const groups = new Map<string, MeasuredRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.student, row.method]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [MeasuredRow];
    const published = publishedOf(first, setting);
    const numbers =
      grid.columns === 'attacks'
        ? attackNumbers(group)
        : grid.columns === 'cost'
          ? costNumbers(group, rows)
          : grid.columns === 'held-out'
            ? heldOutNumbers(group)
            : grid.columns === 'generalisation'
              ? generalisationNumbers(group)
              : degradationNumbers(group);
    const warned = (name: string): boolean =>
      group.some(({ measured, training }) =>
        [measured[name], training].some((record) => (record?.warnings.length ?? 0) > 0),
      );
    const values: Record<string, Value> = {};
    for (const [name, all] of Object.entries(numbers)) {
      const mean = meanOf(all.filter((value) => value !== undefined));
      if (!mean) continue;
      const paper = published?.values[name];
      values[name] = {
        mean: mean.mean,
        sd: mean.deviation ?? null,
        n: mean.n,
        paper: paper ?? null,
        source: paper === undefined ? null : published!.paper,
        warned: warned(name),
      };
    }
    return {
      student: first.student,
      method: first.method,
      title: first.title,
      n: Math.max(0, ...Object.values(values).map(({ n }) => n)),
      values,
    };
  });
};

/** The records that a table is made of, each once. */
export const recordsOf = (rows: readonly MeasuredRow[]): CellRecord[] => {
  const found = new Map<string, CellRecord>();
  for (const { training, measured } of rows) {
    for (const record of [training, ...Object.values(measured)]) if (record) found.set(record.id, record);
  }
  return [...found.values()];
};
