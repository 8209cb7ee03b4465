import type { AttackSpec } from '../attacks/catalogue.js';
import type { Environment } from '../doctor/environment.js';
import { percent } from '../percent.js';
import type { Table } from '../tables/table.js';
import { accuracyOf } from './accuracy.js';
import type { AttackOutcome, Evaluation, EvaluationWarning } from './evaluate.js';
import { packOutcome } from './outcome-bits.js';

/** What was evaluated, on what, and how. */
export interface EvaluationSubject {
  readonly model: {
    readonly file: string;
    readonly sha256: string;
    readonly architecture: string;
    readonly width: number;
  };
  /** Every attack with all of its parameters. */
  readonly specifications: readonly AttackSpec[];
  readonly surrogate: { readonly file: string; readonly sha256: string; readonly architecture: string } | null;
  readonly data: { readonly name: string; readonly part: string; readonly md5: string | null };
  readonly epsilon: number;
  readonly seed: number;
  readonly batchSize: number;
  /** Positions of the images in the canonical records; null where it was the whole part. */
  readonly indices: readonly number[] | null;
}

/**
 * What is to be said where a network is used on another data set than its own; nothing where it is its own, or unknown.
 * @param network what it is called: its file
 */
export const otherDataset = (network: string, trainedOn: string | undefined, used: string): string[] =>
  trainedOn === undefined || trainedOn === used
    ? []
    : [`${network} was trained on ${trainedOn}, and this is ${used}: its accuracy here says little.`];

/** An outcome as plain JSON. */
const plainOutcome = ({ outcome, stages, ...numbers }: AttackOutcome): Record<string, unknown> => ({
  ...numbers,
  accuracy: accuracyOf(numbers),
  outcome: packOutcome(outcome),
  ...(stages
    ? { stages: Object.fromEntries(Object.entries(stages).map(([name, stage]) => [name, plainOutcome(stage)])) }
    : {}),
});

/** What makes all of an evaluation doubtful, beside what it finds itself. */
export type GeneralWarning = Omit<EvaluationWarning, 'attack'> & { readonly attack: null };

/** An evaluation for machines: plain JSON, outcomes a bit an image (`unpackOutcome` reads them). */
export const evaluationReport = (
  subject: EvaluationSubject,
  { attacks, wRobust, warnings }: Evaluation,
  general: readonly GeneralWarning[],
  environment: Environment,
) => ({
  format: 2,
  ...subject,
  attacks: Object.fromEntries(Object.entries(attacks).map(([name, outcome]) => [name, plainOutcome(outcome)])),
  wRobust,
  warnings: [...general, ...warnings],
  environment,
});

/** One outcome as a line, for whoever waits for the next one. */
export const outcomeLine = (name: string, outcome: AttackOutcome): string =>
  `${name}: ${outcome.correct} of ${outcome.total} right (${percent(accuracyOf(outcome))} %), ${outcome.seconds.toFixed(1)} s`;

/** An evaluation as a table: a row an attack. */
export const evaluationTable = ({ attacks, wRobust, warnings }: Evaluation): Table => ({
  columns: [
    { title: 'attack' },
    ...['right', 'accuracy', '95 % interval', 'W-Robust', 'images/s'].map((title) => ({
      title,
      align: 'right' as const,
    })),
  ],
  rows: Object.entries(attacks).map(([name, outcome]) => [
    name,
    `${outcome.correct}/${outcome.total}`,
    { text: `${percent(accuracyOf(outcome))} %`, value: accuracyOf(outcome) },
    outcome.interval.map((end) => percent(end)).join(' – '),
    name in wRobust ? { text: percent(wRobust[name]!), value: wRobust[name] } : '',
    { text: outcome.imagesPerSecond.toPrecision(3), value: outcome.imagesPerSecond },
  ]),
  notes: warnings.map(({ attack, message }) => `warning, ${attack}: ${message}`),
});

/** A report as text: indented, with each array of numbers on a line of its own. */
export const reportText = (report: unknown): string =>
  `${JSON.stringify(report, null, 2).replace(/\[[-+.\deE,\s]+\]/g, (numbers) => numbers.replace(/\s+/g, ''))}\n`;
