import { cellId, type CellId } from '../results/cell.js';
import { cellsOf, type Grid, type GridSetting, type PlannedCell } from './grid.js';

/** What one process does in one go: a training and what is measured of it. */
export interface Unit {
  /** The training's. */
  readonly id: CellId;
  readonly name: string;
  readonly grid: string;
  /** Replicates of one training are of one kind: the process that did one keeps the programs of the others. */
  readonly kind: string;
  /** The training first. */
  readonly cells: readonly PlannedCell[];
  /** Trainings that have to be done before. */
  readonly needs: readonly CellId[];
}

const workOfCell = ({ cell }: PlannedCell, perImage: number): number => {
  if (cell.kind === 'train') {
    const { recipe, teachers, data } = cell;
    const passes = recipe.attack.steps + 3 + (teachers.robust === null ? 0 : 3) + (teachers.clean === null ? 0 : 3);
    // Teachers are about as wide as their students.
    return recipe.epochs * (data.images ?? 50_000) * passes * perImage;
  }
  const { parameters, name } = cell.attack;
  const number = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
  const passes =
    name === 'autoattack'
      ? 5 * number(parameters['iterations'], 100) + number(parameters['queries'], 5000) / 2
      : number(parameters['steps'], number(parameters['queries'], 1) / 2);
  return (cell.data.images ?? 10_000) * passes * perImage;
};

/** How long a unit, or what is `wanted` of it, takes beside others, in no unit: images passed through a network. */
export const workOf = ({ cells }: Pick<Unit, 'cells'>, wanted?: ReadonlySet<CellId>): number => {
  const training = cells.find(({ cell }) => cell.kind === 'train')?.cell;
  const width = training?.kind === 'train' ? training.network.width : 1;
  return cells.reduce((sum, each) => sum + (wanted?.has(each.id) === false ? 0 : workOfCell(each, width)), 0);
};

/**
 * Which of those that can be begun is begun next: one of a kind that a process without work did last, or the first that no
 * process that works goes on with, or the first.
 *
 * @param ready in the order in which they are to be begun
 * @param idle kinds of what processes without work did last
 * @param running kinds of what is running
 */
export const nextOf = <U extends Pick<Unit, 'kind'>>(
  ready: readonly U[],
  idle: ReadonlySet<string>,
  running: ReadonlySet<string>,
): U | undefined =>
  ready.find((unit) => idle.has(unit.kind)) ?? ready.find((unit) => !running.has(unit.kind)) ?? ready[0];

/** The cells of a grid as units, each training with what is measured of it. */
export const unitsOf = (grid: Grid, setting: GridSetting): Unit[] => {
  const cells = cellsOf(grid, setting);
  return cells.flatMap((entry): Unit[] => {
    const { id, cell, name } = entry;
    if (cell.kind !== 'train') return [];
    const evaluations = cells.filter((other) => other.cell.kind === 'evaluate' && other.cell.model === id);
    const own = [entry, ...evaluations];
    const needs = new Set(own.flatMap((each) => each.needs).filter((need) => need !== id));
    return [
      {
        id,
        name,
        grid: grid.name,
        kind: cellId({ ...cell, seed: 0 }),
        cells: own,
        needs: [...needs],
      },
    ];
  });
};

/** Units of several grids: what they share is done once, by the first of them that has it. */
export const joinUnits = (units: readonly Unit[]): Unit[] => {
  const joined = new Map<CellId, Unit>();
  for (const unit of units) {
    const before = joined.get(unit.id);
    if (!before) {
      joined.set(unit.id, unit);
      continue;
    }
    const known = new Set(before.cells.map(({ id }) => id));
    joined.set(unit.id, {
      ...before,
      cells: [...before.cells, ...unit.cells.filter(({ id }) => !known.has(id))],
      needs: [...new Set([...before.needs, ...unit.needs])],
    });
  }
  return [...joined.values()];
};

/**
 * Units in the order in which they are to be begun: what others wait for first, by the length of the longest chain that
 * hangs on a unit, then the longest; replicates of one network one after the other, whose programs a worker keeps.
 */
export const inOrder = (units: readonly Unit[]): Unit[] => {
  const byId = new Map(units.map((unit) => [unit.id, unit]));
  const length = new Map<CellId, number>();
  const waiting = (unit: Unit): Unit[] => units.filter(({ needs }) => needs.includes(unit.id));
  const lengthOf = (unit: Unit): number => {
    const known = length.get(unit.id);
    if (known !== undefined) return known;
    const own = workOf(unit) + Math.max(0, ...waiting(unit).map(lengthOf));
    length.set(unit.id, own);
    return own;
  };
  return [...byId.values()].sort((a, b) => lengthOf(b) - lengthOf(a) || (a.name < b.name ? -1 : 1));
};
