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

/** The evaluations of `units` that were made again in `again`, each beside the one on record, image by image. */
export const compareWithRecords = async (
  units: readonly Unit[],
  again: Places,
  onRecord: Places,
): Promise<Comparison[]> => {
  const comparisons: Comparison[] = [];
  for (const { cells, grid } of units) {
    for (const { id, name } of cells) {
      const made = (await recordOf(again, id, grid))?.evaluation;
      if (!made) continue;
      const before = (await recordOf(onRecord, id, grid))?.evaluation;
      const different = before ? bitsThatDiffer(made.outcome, before.outcome) : null;
      comparisons.push({ name, different, total: made.total });
    }
  }
  return comparisons;
};

/** What a comparison of all evaluations comes to, in a sentence and a line for each that differs. `what` was compared. */
export const describeComparisons = (what: string, comparisons: readonly Comparison[]): string => {
  const known = comparisons.filter(({ different }) => different !== null);
  const others = known.filter(({ different }) => different !== 0);
  const fresh = comparisons.length - known.length;
  return [
    `${comparisons.length} ${what}: ${known.length - others.length} end as on record, image by image` +
      `${others.length > 0 ? `, ${others.length} do not` : ''}${fresh > 0 ? `, of ${fresh} there was no record` : ''}.`,
    ...others.map(({ name, different, total }) => `  ${name}: ${different!} of ${total} images are answered otherwise`),
  ].join('\n');
};
