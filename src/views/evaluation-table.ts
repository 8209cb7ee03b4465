import type { Displayable } from '../display.js';
import type { AttackOutcome, Evaluation } from '../evaluation/evaluate.js';
import { attackTitles } from '../results/table.js';
import type { Measured } from '../figures/create-figure.js';
import { tableView, type Cell } from '../tables/table.js';

/** What an evaluation measured, by attack, as figures take it. */
export const measuredAttacks = ({ attacks }: Evaluation): Record<string, Measured> =>
  Object.fromEntries(
    Object.entries(attacks).map(([name, { accuracy, interval }]) => [name, { value: accuracy, interval }]),
  );

const percent = (fraction: number, digits: number): string => (100 * fraction).toFixed(digits);

export interface EvaluationTableOptions {
  /** Stands above the table. */
  readonly caption?: string;
  /** Adds W-Robust, the mean of clean accuracy and accuracy under this attack. */
  readonly wRobust?: string;
}

/** One evaluation: a row an attack, the stages of a sequence of attacks below it. */
export const evaluationByAttack = ({ attacks, wRobust }: Evaluation): Displayable => {
  const row = (
    name: string,
    { accuracy, interval, total, imagesPerSecond }: AttackOutcome,
    weighed?: number,
  ): Cell[] => [
    name,
    { text: percent(accuracy, 2), detail: interval.map((end) => percent(end, 1)).join('–') },
    weighed === undefined ? '–' : percent(weighed, 2),
    String(total),
    imagesPerSecond.toPrecision(3),
  ];
  return tableView({
    columns: [
      { title: 'Attack' },
      ...['Accuracy (%)', 'W-Robust (%)', 'Images', 'Images a second'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    rows: Object.entries(attacks).flatMap(([name, outcome]) => [
      row(attackTitles[name] ?? name, outcome, wRobust[name]),
      ...Object.entries(outcome.stages ?? {}).map(([stage, left]) => row(`after ${stage}`, left)),
    ]),
    notes: ['Below an accuracy: where it lies at 95 %. W-Robust: the mean of clean accuracy and this one.'],
  });
};

/**
 * Evaluations of several networks side by side: a row a network, a column an attack, each accuracy with where it lies at
 * 95 %, the best of each column bold. Without evaluations it says so.
 * @param evaluations by the network's name
 */
export const evaluationTable = (
  evaluations: Readonly<Record<string, Evaluation>>,
  { caption, wRobust }: EvaluationTableOptions = {},
): Displayable => {
  const networks = Object.entries(evaluations);
  const attacks = [...new Set(networks.flatMap(([, { attacks: measured }]) => Object.keys(measured)))];
  const best = (value: (evaluation: Evaluation) => number | undefined): number =>
    networks.length > 1 ? Math.max(...networks.map(([, evaluation]) => value(evaluation) ?? 0)) : NaN;
  const totals = [
    ...new Set(networks.flatMap(([, { attacks: measured }]) => Object.values(measured).map(({ total }) => total))),
  ];
  return tableView({
    ...(caption === undefined ? {} : { caption }),
    columns: [
      { title: 'Network' },
      ...attacks.map((attack) => ({ title: `${attackTitles[attack] ?? attack} (%)`, align: 'right' as const })),
      ...(wRobust === undefined ? [] : [{ title: 'W-Robust (%)', align: 'right' as const }]),
    ],
    rows: networks.map(([name, evaluation]) => [
      name,
      ...attacks.map((attack) => {
        const outcome = evaluation.attacks[attack];
        if (!outcome) return '–';
        return {
          text: percent(outcome.accuracy, 2),
          detail: outcome.interval.map((end) => percent(end, 1)).join('–'),
          strong: outcome.accuracy === best(({ attacks: measured }) => measured[attack]?.accuracy),
        };
      }),
      ...(wRobust === undefined
        ? []
        : [
            {
              text: percent(evaluation.wRobust[wRobust] ?? NaN, 2),
              strong: evaluation.wRobust[wRobust] === best((other) => other.wRobust[wRobust]),
            },
          ]),
    ]),
    notes: [
      totals.length === 0
        ? 'Nothing is evaluated yet.'
        : `Accuracy on ${totals.join(' or ')} images; below it where it lies at 95 %.`,
    ],
  });
};
