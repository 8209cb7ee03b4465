import type { Displayable } from '../display.js';
import { attackColumn } from '../attacks/catalogue.js';
import { accuracyOf } from '../evaluation/accuracy.js';
import type { AttackOutcome, Evaluation } from '../evaluation/evaluate.js';
import { percent } from '../percent.js';
import type { Measured } from '../figures/create-figure.js';
import type { Cell } from '../tables/table.js';
import { tableView } from '../tables/view.js';

/** What an evaluation measured, by attack, as figures take it. */
export const measuredAttacks = ({ attacks }: Evaluation): Record<string, Measured> =>
  Object.fromEntries(
    Object.entries(attacks).map(([name, outcome]) => [
      name,
      { value: accuracyOf(outcome), interval: outcome.interval },
    ]),
  );

export interface EvaluationTableOptions {
  /** Stands above the table. */
  readonly caption?: string;
  /** Adds W-Robust, the mean of clean accuracy and accuracy under this attack. */
  readonly wRobust?: string;
}

/** One evaluation: a row an attack, the stages of a sequence of attacks below it. */
export const evaluationByAttack = ({ attacks, wRobust, warnings }: Evaluation): Displayable => {
  const row = (name: string, outcome: AttackOutcome, weighed?: number): Cell[] => [
    name,
    { text: percent(accuracyOf(outcome)), detail: outcome.interval.map((end) => percent(end, 1)).join('–') },
    weighed === undefined ? '–' : percent(weighed),
    String(outcome.total),
    outcome.imagesPerSecond.toPrecision(3),
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
      row(attackColumn(name), outcome, wRobust[name]),
      ...Object.entries(outcome.stages ?? {}).map(([stage, left]) => row(`after ${stage}`, left)),
    ]),
    notes: [
      'Below an accuracy: where it lies at 95 %. W-Robust: the mean of clean accuracy and this one.',
      ...warnings.map(({ attack, message }) => `Warning, ${attackColumn(attack)}: ${message}`),
    ],
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
      ...attacks.map((attack) => ({ title: `${attackColumn(attack)} (%)`, align: 'right' as const })),
      ...(wRobust === undefined ? [] : [{ title: 'W-Robust (%)', align: 'right' as const }]),
    ],
    rows: networks.map(([name, evaluation]) => [
      name,
      ...attacks.map((attack) => {
        const outcome = evaluation.attacks[attack];
        if (!outcome) return '–';
        return {
          text: percent(accuracyOf(outcome)),
          detail: outcome.interval.map((end) => percent(end, 1)).join('–'),
          strong:
            accuracyOf(outcome) === best(({ attacks: measured }) => measured[attack] && accuracyOf(measured[attack])),
        };
      }),
      ...(wRobust === undefined
        ? []
        : [
            {
              text: percent(evaluation.wRobust[wRobust] ?? NaN),
              strong: evaluation.wRobust[wRobust] === best((other) => other.wRobust[wRobust]),
            },
          ]),
    ]),
    notes: [
      totals.length === 0
        ? 'Nothing is evaluated yet.'
        : `Accuracy on ${totals.join(' or ')} images; below it where it lies at 95 %.`,
      ...networks.flatMap(([name, { warnings }]) =>
        warnings.map(({ attack, message }) => `Warning, ${name}, ${attackColumn(attack)}: ${message}`),
      ),
    ],
  });
};
