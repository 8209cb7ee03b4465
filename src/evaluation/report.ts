import type { Environment } from '../doctor/environment.js';
import { percent } from '../percent.js';
import type { Table } from '../tables/table.js';
import { accuracyOf } from './accuracy.js';
import type { AttackOutcome, Evaluation } from './evaluate.js';

/** What was evaluated, on what, and how. */
export interface EvaluationSubject {
  readonly model: {
    readonly file: string;
    readonly sha256: string;
    readonly architecture: string;
    readonly width: number;
  };
  readonly surrogate: { readonly file: string; readonly sha256: string; readonly architecture: string } | null;
  readonly data: { readonly name: string; readonly part: string; readonly md5: string | null };
  readonly epsilon: number;
  readonly seed: number;
  readonly batchSize: number;
  /** Positions of the images in the canonical records; null where it was the whole part. */
  readonly indices: readonly number[] | null;
}

/** An outcome as plain JSON. */
const plainOutcome = ({ outcome, stages, ...numbers }: AttackOutcome): Record<string, unknown> => ({
  ...numbers,
  accuracy: accuracyOf(numbers),
  outcome: Array.from(outcome),
  ...(stages
    ? { stages: Object.fromEntries(Object.entries(stages).map(([name, stage]) => [name, plainOutcome(stage)])) }
    : {}),
});

/** An evaluation as a record for machines: plain JSON, outcomes as arrays of 0 and 1. */
export const evaluationRecord = (
  subject: EvaluationSubject,
  { attacks, wRobust }: Evaluation,
  warnings: readonly string[],
  environment: Environment,
) => ({
  format: 1,
  ...subject,
  attacks: Object.fromEntries(Object.entries(attacks).map(([name, outcome]) => [name, plainOutcome(outcome)])),
  wRobust,
  warnings,
  environment,
});

/** One outcome as a line, for whoever waits for the next one. */
export const outcomeLine = (name: string, outcome: AttackOutcome): string =>
  `${name}: ${outcome.correct} of ${outcome.total} right (${percent(accuracyOf(outcome))} %), ${outcome.seconds.toFixed(1)} s`;

/** An evaluation as a table: a row an attack. */
export const evaluationTable = ({ attacks, wRobust }: Evaluation): Table => ({
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
});

/** A record as text: indented, with each array of numbers on a line of its own. */
export const recordText = (record: unknown): string =>
  `${JSON.stringify(record, null, 2).replace(/\[[-+.\deE,\s]+\]/g, (numbers) => numbers.replace(/\s+/g, ''))}\n`;
