import type { AutoAttackRun } from './autoattack.js';
import { autoAttackName, type AutoAttackCase } from './autoattack-cases.js';
import { columns, disturbance } from './report.js';

/** How far the counts may be apart: after a stage, and in the end. Starts are random, and differ from side to side. */
const tolerance = { stage: 2, end: 1 };

/** One case as the JSON file holds it. Times are in seconds. */
export interface AutoAttackRow {
  readonly work: 'autoattack';
  readonly network: string;
  readonly images: number;
  readonly epsilon: string;
  readonly batch: number;
  readonly ours: AutoAttackRun;
  readonly reference: AutoAttackRun | null;
  /** ours / reference, of the whole. */
  readonly ratio: number | null;
  /** What the ratio is to be at most. */
  readonly limit: number;
  /** Whether the counts are within the tolerance: 2 after each stage, 1 in the end. */
  readonly agrees: boolean | null;
  /** Images whose end result differs. */
  readonly differing: number | null;
}

/** Whether both sides found the same, as far as their random starts allow. */
export const agree = (ours: AutoAttackRun, reference: AutoAttackRun): boolean =>
  ours.stages.length === reference.stages.length &&
  ours.stages.every(({ name, correct }, i) => {
    const other = reference.stages[i]!;
    const most = name === 'clean' ? 0 : i === ours.stages.length - 1 ? tolerance.end : tolerance.stage;
    return other.name === name && Math.abs(correct - other.correct) <= most;
  });

export const autoAttackRow = (
  { network, images, epsilon, limit }: AutoAttackCase,
  batch: number,
  ours: AutoAttackRun,
  reference: AutoAttackRun | undefined,
): AutoAttackRow => ({
  work: 'autoattack',
  network,
  images: ours.outcome.length || images,
  epsilon,
  batch,
  ours,
  reference: reference ?? null,
  ratio: reference ? ours.seconds / reference.seconds : null,
  limit,
  agrees: reference ? agree(ours, reference) : null,
  differing: reference ? ours.outcome.filter((right, i) => right !== reference.outcome[i]).length : null,
});

const seconds = (value: number): string => value.toFixed(1);

/** A row as lines: what is right after each stage beside the seconds of the stage, on both sides. */
export const autoAttackLines = (row: AutoAttackRow): string => {
  const { ours, reference, ratio, limit, agrees, differing } = row;
  const name = autoAttackName(row);
  const line = (
    stage: string,
    of: (run: AutoAttackRun) => { correct: number; seconds: number } | undefined,
  ): string[] => {
    const [mine, theirs] = [of(ours), reference ? of(reference) : undefined];
    return [
      stage,
      ...(mine ? [`${mine.correct}`, seconds(mine.seconds)] : ['–', '–']),
      ...(reference ? (theirs ? [`${theirs.correct}`, seconds(theirs.seconds)] : ['–', '–']) : []),
      ...(mine && theirs ? [(mine.seconds / theirs.seconds).toFixed(2)] : []),
    ];
  };
  const heading = [name, 'ours', 's', ...(reference ? ['reference', 's', 'ratio'] : [])];
  const rows = [
    ...ours.stages.map(({ name: stage }) => line(stage, ({ stages }) => stages.find((each) => each.name === stage))),
    line('whole', (run) => ({ correct: run.stages.at(-1)?.correct ?? 0, seconds: run.seconds })),
  ];
  return [
    columns(heading, rows),
    ...(ratio === null
      ? []
      : [
          `${name}: ${ratio.toFixed(2)} of the reference's time, ${limit.toFixed(2)} at most${ratio > limit ? ': over' : ''}; ` +
            `${agrees ? 'the outcomes agree' : 'the outcomes DIFFER'} (±${tolerance.stage} after a stage, ±${tolerance.end} in the end), ` +
            `${differing!} of ${row.images} images end otherwise`,
        ]),
    ...disturbance(`${name}, ours`, ours.othersShare),
    ...(reference ? disturbance(`${name}, reference`, reference.othersShare) : []),
  ].join('\n');
};
