import type { Environment } from '../doctor/environment.js';
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

const percent = (share: number): string => (100 * share).toFixed(2);

/** One outcome as a line, for whoever waits for the next one. */
export const outcomeLine = (name: string, { correct, total, accuracy, seconds }: AttackOutcome): string =>
  `${name}: ${correct} of ${total} right (${percent(accuracy)} %), ${seconds.toFixed(1)} s`;

/** An evaluation as lines of text. */
export const evaluationLines = ({ attacks, wRobust }: Evaluation): string[] => {
  const rows = Object.entries(attacks).map(([name, { correct, total, accuracy, interval, imagesPerSecond }]) => [
    name,
    `${correct}/${total}`,
    `${percent(accuracy)} %`,
    `${percent(interval[0])} – ${percent(interval[1])}`,
    name in wRobust ? percent(wRobust[name]!) : '',
    imagesPerSecond.toPrecision(3),
  ]);
  const table = [['attack', 'right', 'accuracy', '95 % interval', 'W-Robust', 'images/s'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  '),
  );
};

/** A record as text: indented, with each array of numbers on a line of its own. */
export const recordText = (record: unknown): string =>
  `${JSON.stringify(record, null, 2).replace(/\[[-+.\deE,\s]+\]/g, (numbers) => numbers.replace(/\s+/g, ''))}\n`;
