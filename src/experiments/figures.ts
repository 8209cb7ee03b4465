import { attackColumn } from '../attacks/catalogue.js';
import { UserError } from '../errors.js';
import { ablationFigure, type TriedValue } from '../figures/ablation.js';
import { groupBy } from '../group-by.js';
import { cleanRobustFigure } from '../figures/clean-robust.js';
import { comparedCurvesFigure } from '../figures/compared-curves.js';
import type { Measured } from '../figures/create-figure.js';
import type { Figure } from '../figures/figure.js';
import { parallelCoordinatesFigure } from '../figures/parallel-coordinates.js';
import { trainingCurvesFigure } from '../figures/training-curves.js';
import { percentage } from '../percent.js';
import { settingTitle, type Grid, type GridSetting } from './grid.js';
import { meanOf } from '../statistics/mean.js';
import { seriesOf, type MeasuredRow, type ResultRow, type Value } from './results.js';

/** Clean against robust accuracy, a figure a student, where both were measured. */
export const tableFigures = (
  grid: Grid,
  setting: GridSetting,
  rows: readonly ResultRow[],
): { readonly student: string; readonly figure: Figure }[] => {
  const measured = ({ mean, sd }: Value): Measured =>
    sd === null
      ? { value: mean / 100 }
      : { value: mean / 100, interval: [(mean - sd) / 100, (mean + sd) / 100], isDeviation: true };
  return [...new Set(rows.map(({ student }) => student))].flatMap((student) => {
    const points = rows.flatMap(({ student: own, title, method, values: { clean, 'pgd-sat': robust } }) =>
      own === student && clean && robust
        ? [{ label: title, method, clean: measured(clean), robust: measured(robust) }]
        : [],
    );
    if (points.length < 2) return [];
    const figure = cleanRobustFigure(points, {
      title: grid.title,
      subtitle: `${student}, ${settingTitle(setting)}; means of replicates`,
      attack: attackColumn('pgd-sat'),
      epsilon: '8/255',
    });
    return [{ student, figure }];
  });
};

/** The trained rows of a method. @throws UserError where there are none */
const trainedRows = (rows: readonly MeasuredRow[], method: string): MeasuredRow[] => {
  const found = rows.filter((row) => row.method === method && row.training?.training);
  if (found.length > 0) return found;
  const known = [...new Set(rows.filter(({ training }) => training).map((row) => row.method))].join(', ');
  throw new UserError(`no row ${method} is trained. Trained are ${known === '' ? 'none' : known}.`);
};

/**
 * Accuracies, losses and their terms by epoch, of one replicate of a row.
 * @throws UserError where it is not trained
 */
export const trainingFigure = (rows: readonly MeasuredRow[], method: string, replicate = 0): Figure => {
  const row = trainedRows(rows, method).find((candidate) => candidate.replicate === replicate);
  const training = row?.training?.training;
  if (!training) throw new UserError(`replicate ${replicate} of ${method} is not trained.`);
  return trainingCurvesFigure(training.history, { title: row.title, chosen: training.best.epoch });
};

/** Means of an accuracy over replicates, with one standard deviation either way. */
const accuracyOver = (rows: readonly MeasuredRow[], attack: string): Measured | undefined => {
  const found = meanOf(seriesOf(rows, attack).map(({ accuracy }) => accuracy));
  if (!found) return undefined;
  const { mean, deviation } = found;
  return deviation === undefined
    ? { value: mean }
    : { value: mean, interval: [mean - deviation, mean + deviation], isDeviation: true };
};

/**
 * Accuracy against one setting of a method, everything else held: of the rows that differ in nothing but it, those with most
 * values of it. Means of replicates with one standard deviation either way.
 * @throws UserError where no two values of it were measured
 */
export const settingFigure = (
  rows: readonly MeasuredRow[],
  setting: string,
  { attacks = ['clean', 'pgd-sat'], title }: { readonly attacks?: readonly string[]; readonly title?: string } = {},
): Figure => {
  const valueOf = ({ train }: MeasuredRow): TriedValue => train.recipe.settings[setting] ?? null;
  const measured = rows.filter((row) => row.train.recipe.settings[setting] !== undefined && 'clean' in row.measured);
  const rest = ({ student, train: { method, recipe } }: MeasuredRow): string =>
    JSON.stringify([student, method, { ...recipe, settings: { ...recipe.settings, [setting]: null } }]);
  const groups = groupBy(measured, rest).map((group) => groupBy(group, (row) => JSON.stringify(valueOf(row))));
  const [tried] = groups.sort((a, b) => b.length - a.length);
  if (!tried || tried.length < 2) {
    throw new UserError(`no two values of the setting "${setting}" are measured with everything else the same.`);
  }
  return ablationFigure(
    attacks.map((attack) => ({
      label: attackColumn(attack),
      points: tried.flatMap((same) => {
        const value = accuracyOver(same, attack);
        return value ? [{ at: valueOf(same[0]!), measured: value }] : [];
      }),
    })),
    { setting, ...(title === undefined ? {} : { title }), subtitle: tried[0]![0]!.student },
  );
};

/** What is followed through the epochs: the student on held-out images, or its robust teacher on the student's attacks. */
export type Course = 'clean' | 'robust' | 'teacher';

const courseTitles: Readonly<Record<Course, string>> = {
  clean: 'Student, clean held-out images',
  robust: 'Student, attacked held-out images',
  teacher: 'Robust teacher, on images made against the student',
};

/**
 * An accuracy by epoch, a curve a row: the mean over replicates with its band. Epochs in which the robust teacher was
 * trained are ringed.
 */
export const courseFigure = (
  rows: readonly MeasuredRow[],
  course: Course,
  { title = courseTitles[course] }: { readonly title?: string } = {},
): Figure => {
  const trained = rows.filter(({ training }) => training?.training);
  const groups = groupBy(trained, ({ student, title: name }) => `${student} ${name}`).map((same) => ({
    label: same[0]!.title,
    runs: same.map((row) => ({
      label: `${row.title}, replicate ${row.replicate}`,
      points: (row.training?.training?.history ?? []).flatMap(({ epoch, validation }) => {
        const y = course === 'teacher' ? validation?.teacherRobust : validation?.[course];
        return y === undefined ? [] : [{ x: epoch, y }];
      }),
    })),
    marked: (same[0]!.training?.training?.history ?? []).flatMap(({ epoch, retrained = 0 }) =>
      retrained > 0 ? [epoch] : [],
    ),
  }));
  return comparedCurvesFigure(groups, { title, quantity: 'Accuracy', marks: 'the robust teacher was retrained' });
};

/** Settings and accuracies side by side, a line a row: means over replicates. */
export const coordinatesFigure = (
  rows: readonly MeasuredRow[],
  settings: readonly string[],
  { attacks = ['clean', 'pgd-sat'], title }: { readonly attacks?: readonly string[]; readonly title?: string } = {},
): Figure => {
  const measured = rows.filter((row) => attacks.every((attack) => attack in row.measured));
  const lines = groupBy(measured, ({ student, title: name }) => `${student} ${name}`).map((same) => ({
    label: same[0]!.title,
    values: [
      ...settings.map((setting) => same[0]!.train.recipe.settings[setting]),
      ...attacks.map((attack) => percentage(accuracyOver(same, attack)!.value, 1)),
    ],
  }));
  return parallelCoordinatesFigure(
    [...settings, ...attacks.map((attack) => `${attackColumn(attack)} (%)`)],
    lines,
    title === undefined ? {} : { title },
  );
};
