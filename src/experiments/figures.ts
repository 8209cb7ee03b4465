import { attackColumn } from '../attacks/catalogue.js';
import { UserError } from '../errors.js';
import { cleanRobustFigure } from '../figures/clean-robust.js';
import type { Measured } from '../figures/create-figure.js';
import type { Figure } from '../figures/figure.js';
import { trainingCurvesFigure } from '../figures/training-curves.js';
import { settingTitle, type Grid, type GridSetting } from './grid.js';
import type { MeasuredRow, ResultRow, Value } from './results.js';

/** Clean against robust accuracy, a figure a student, where both were measured. */
export const tableFigures = (
  grid: Grid,
  setting: GridSetting,
  rows: readonly ResultRow[],
): { readonly student: string; readonly figure: Figure }[] => {
  const measured = ({ mean, sd }: Value): Measured =>
    sd === null ? { value: mean / 100 } : { value: mean / 100, interval: [(mean - sd) / 100, (mean + sd) / 100] };
  return [...new Set(rows.map(({ student }) => student))].flatMap((student) => {
    const points = rows.flatMap(({ student: own, title, method, values: { clean, 'pgd-sat': robust } }) =>
      own === student && clean && robust
        ? [{ label: title, method, clean: measured(clean), robust: measured(robust) }]
        : [],
    );
    if (points.length < 2) return [];
    const figure = cleanRobustFigure(points, {
      title: grid.title,
      subtitle: `${student}, ${settingTitle(setting)}; mean ± s.d. of replicates`,
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
