import { groupBy } from '../group-by.js';
import type { CellId } from '../results/cell.js';
import type { Unit } from '../experiments/units.js';

/** What of a unit is to be submitted. */
export interface PendingUnit {
  readonly unit: Unit;
  /** Whether its training is: else it is done, or under way. */
  readonly trains: boolean;
  /** Its evaluations that are to be done. */
  readonly evaluations: readonly CellId[];
}

/** One element of an array job: the cells that one process runs, one after the other. */
export interface ArrayTask {
  /** Its index in the array. */
  readonly index: number;
  readonly name: string;
  readonly cells: readonly CellId[];
}

/** An array job, before SLURM has given it a number. */
export interface ArrayJob {
  readonly kind: 'train' | 'evaluate';
  readonly tasks: readonly ArrayTask[];
  /** Trainings of other jobs, submitted here or under way, that have to have succeeded. */
  readonly after: readonly CellId[];
  /** The place in the list of the job whose element i has to have succeeded before element i of this one begins. */
  readonly follows: number | null;
}

const chunks = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));

/**
 * Array jobs in the order in which they are to be submitted: teachers, then students, each followed by its evaluations.
 * Trainings of an array wait for the same teachers, so that a teacher that fails takes its own students with it and nothing
 * else.
 *
 * @param units in the order in which they are to begin
 * @param underWay trainings that were submitted before and are not done
 * @param largest elements that an array may have
 */
export const planArrays = (
  units: readonly PendingUnit[],
  underWay: ReadonlySet<CellId>,
  largest: number,
): ArrayJob[] => {
  const jobs: ArrayJob[] = [];
  const unplaced = new Set(units.filter(({ trains }) => trains).map(({ unit }) => unit.id));
  const submitted = new Set<CellId>();
  const pendingNeeds = ({ unit }: PendingUnit, ids: readonly CellId[]): CellId[] => {
    const needs = unit.cells.filter(({ id }) => ids.includes(id)).flatMap((cell) => cell.needs);
    return [...new Set(needs)].filter((need) => need !== unit.id && (submitted.has(need) || underWay.has(need))).sort();
  };
  const evaluate = (
    indexed: readonly { readonly index: number; readonly pending: PendingUnit }[],
    follows: number | null,
  ): void => {
    const measured = indexed.filter(({ pending: { evaluations } }) => evaluations.length > 0);
    const needsOf = (pending: PendingUnit): CellId[] => {
      // A training under way is in no array of this submission that could be followed.
      const own = follows === null && underWay.has(pending.unit.id) ? [pending.unit.id] : [];
      return [...own, ...pendingNeeds(pending, pending.evaluations)];
    };
    for (const group of groupBy(measured, ({ pending }) => needsOf(pending).join())) {
      jobs.push({
        kind: 'evaluate',
        tasks: group.map(({ index, pending: { unit, evaluations } }) => ({
          index,
          name: unit.name,
          cells: evaluations,
        })),
        after: needsOf(group[0]!.pending),
        follows,
      });
    }
  };
  const withIndices = (pending: readonly PendingUnit[]) => pending.map((each, index) => ({ index, pending: each }));

  for (let layer = units.filter(({ trains }) => trains); layer.length > 0;) {
    const ready = layer.filter(({ unit }) => {
      const needs = unit.cells.find(({ id }) => id === unit.id)?.needs ?? [];
      return needs.every((need) => !unplaced.has(need));
    });
    if (ready.length === 0) throw new Error('trainings wait for one another in a circle');
    const followers: (() => void)[] = [];
    for (const group of groupBy(ready, (pending) => pendingNeeds(pending, [pending.unit.id]).join())) {
      for (const chunk of chunks(group, largest)) {
        const place = jobs.length;
        jobs.push({
          kind: 'train',
          tasks: withIndices(chunk).map(({ index, pending: { unit } }) => ({
            index,
            name: unit.name,
            cells: [unit.id],
          })),
          after: pendingNeeds(chunk[0]!, [chunk[0]!.unit.id]),
          follows: null,
        });
        followers.push(() => {
          evaluate(withIndices(chunk), place);
        });
      }
    }
    for (const { unit } of ready) {
      unplaced.delete(unit.id);
      submitted.add(unit.id);
    }
    for (const follow of followers) follow();
    layer = layer.filter((pending) => !ready.includes(pending));
  }
  for (const chunk of chunks(
    units.filter(({ trains }) => !trains),
    largest,
  )) {
    evaluate(withIndices(chunk), null);
  }
  return jobs;
};
