import { recordOf, type Places } from './places.js';
import type { Unit } from './units.js';

/** An evaluation that was made again, beside the one on record. */
export interface Comparison {
  readonly name: string;
  /** Images that are answered otherwise than on record; null where there was no record. */
  readonly different: number | null;
  readonly total: number;
}

const bitsThatDiffer = (a: string, b: string): number => {
  const [first, second] = [Buffer.from(a, 'base64'), Buffer.from(b, 'base64')];
  let count = 0;
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    for (let bits = (first[i] ?? 0) ^ (second[i] ?? 0); bits > 0; bits &= bits - 1) count++;
  }
  return count;
};

/** Evaluations that were made again, and the processors of all cells behind them, trainings included. */
export interface RecordComparison {
  readonly evaluations: readonly Comparison[];
  /** Names of processors, sorted: here, and on record. */
  readonly processors: { readonly here: readonly string[]; readonly onRecord: readonly string[] };
}

/** The evaluations of `units` that were made again in `again`, each beside the one on record, image by image. */
export const compareWithRecords = async (
  units: readonly Unit[],
  again: Places,
  onRecord: Places,
): Promise<RecordComparison> => {
  const evaluations: Comparison[] = [];
  const here = new Set<string>();
  const recorded = new Set<string>();
  for (const { cells, grid } of units) {
    for (const { id, name } of cells) {
      const [made, before] = [await recordOf(again, id, grid), await recordOf(onRecord, id, grid)];
      if (!made) continue;
      here.add(made.environment.cpu);
      if (before) recorded.add(before.environment.cpu);
      if (!made.evaluation) continue;
      const different = before?.evaluation ? bitsThatDiffer(made.evaluation.outcome, before.evaluation.outcome) : null;
      evaluations.push({ name, different, total: made.evaluation.total });
    }
  }
  return { evaluations, processors: { here: [...here].sort(), onRecord: [...recorded].sort() } };
};

/**
 * What a comparison of all evaluations comes to, in a sentence and a line for each that differs; where some do and the
 * record is of other processors, that, too. `what` was compared.
 */
export const describeComparisons = (what: string, { evaluations, processors }: RecordComparison): string => {
  const known = evaluations.filter(({ different }) => different !== null);
  const others = known.filter(({ different }) => different !== 0);
  const fresh = evaluations.length - known.length;
  const foreign = processors.onRecord.filter((name) => !processors.here.includes(name));
  return [
    `${evaluations.length} ${what}: ${known.length - others.length} end as on record, image by image` +
      `${others.length > 0 ? `, ${others.length} do not` : ''}${fresh > 0 ? `, of ${fresh} there was no record` : ''}.`,
    ...others.map(({ name, different, total }) => `  ${name}: ${different!} of ${total} images are answered otherwise`),
    ...(others.length > 0 && foreign.length > 0
      ? [
          `The records are of ${processors.onRecord.join(' and ')}, these of ${processors.here.join(' and ')}: ` +
            'trainings are known to repeat bit by bit on one kind of processor only.',
        ]
      : []),
  ].join('\n');
};
