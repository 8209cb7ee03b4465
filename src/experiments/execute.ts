import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { writeAtomically } from '../atomic-write.js';
import { findMethod } from '../methods/catalogue.js';
import { InterruptedError, messageOf, UserError } from '../errors.js';
import { interruptSignal } from '../interruption.js';
import type { CellId } from '../results/cell.js';
import type { Method } from '../methods/method.js';
import { recordOf, runFolder, type Places } from './places.js';
import { shippedReplicate } from './pipeline.js';
import { runCells } from './run-cell.js';
import { restoreTrained } from './shipped.js';
import { bestFile } from '../training/run-folder.js';
import { inOrder, nextOf, workOf, type Unit } from './units.js';
import { createWorkers, exitCodes, type Order } from './workers.js';

export interface ExecuteOptions {
  readonly places: Places;
  /** Processes at a time, each with one TensorFlow thread. Default: one a processor. */
  readonly jobs?: number;
  readonly signal?: AbortSignal;
  /** Methods of one's own, which no other process knows: their trainings run in this one, one after the other. */
  readonly ownMethods?: readonly Method[];
  /** Is told of each line worth telling. */
  readonly say?: (line: string) => void;
}

export interface Failure {
  readonly name: string;
  readonly reason: string;
}

/** What is in a file beside a cell's run, so that `ciard cell run ID` knows the cell. */
export const plannedFile = (places: Places, id: CellId): string => join(runFolder(places, id), 'cell.json');

/** Whether every cell of a unit has its record. */
export const isDone = async ({ cells, grid }: Unit, places: Places): Promise<boolean> => {
  for (const { id } of cells) if ((await recordOf(places, id, grid)) === undefined) return false;
  return true;
};

/** How much of a unit is to be done: what lacks a record, and the training too, where its weights are wanted again. */
export const workLeft = async (unit: Unit, places: Places): Promise<number> => {
  const missing = new Set<CellId>();
  for (const { id } of unit.cells) if ((await recordOf(places, id, unit.grid)) === undefined) missing.add(id);
  // Of one replicate weights are shipped, of the others they are where they were trained.
  const hasWeights =
    unit.cells.some(({ id, cell }) => id === unit.id && cell.seed === shippedReplicate) ||
    existsSync(bestFile(runFolder(places, unit.id)));
  if (missing.size === 0 || !hasWeights) missing.add(unit.id);
  return workOf(unit, missing);
};

const minutes = (seconds: number): string =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;

/** How often a unit is begun again after another process held it, and after how many milliseconds. */
const patience = { times: 20, pause: 3000 };

/**
 * Units in the order in which they are to be begun, and those of them that are to be done: what lacks a record, and
 * teachers whose weights are gone, and were not shipped, while a student needs them.
 */
export const pendingUnits = async (
  units: readonly Unit[],
  places: Places,
): Promise<{ readonly ordered: readonly Unit[]; readonly waiting: readonly Unit[] }> => {
  const ordered = inOrder(units);
  const done = new Map<CellId, boolean>();
  for (const unit of ordered) done.set(unit.id, await isDone(unit, places));
  const wanted = new Set(ordered.filter(({ id }) => !done.get(id)).flatMap(({ needs }) => needs));
  const waiting: Unit[] = [];
  for (const unit of ordered) {
    if (!done.get(unit.id) || (wanted.has(unit.id) && !(await restoreTrained(places, unit.id)))) waiting.push(unit);
  }
  return { ordered, waiting };
};

/** Writes down what the cells of a unit are, so that `ciard cell run` knows them by their ids. */
export const writePlans = async ({ cells, grid }: Pick<Unit, 'cells' | 'grid'>, places: Places): Promise<void> => {
  for (const planned of cells) {
    await mkdir(runFolder(places, planned.id), { recursive: true });
    await writeAtomically(plannedFile(places, planned.id), [`${JSON.stringify({ ...planned, grid }, null, 1)}\n`]);
  }
};

/**
 * Who does what tables lack: `execute` on this machine, `slurm` (src/slurm) on a cluster.
 * @returns what failed, and why; where it goes on elsewhere, what is known of it so far
 */
export type Executor = (units: readonly Unit[], options: ExecuteOptions) => Promise<Failure[]>;

/**
 * Runs units in processes of their own, as many at a time as there are processors, each with one TensorFlow thread; what
 * is done is not done again. A unit that fails stops those alone that need it.
 *
 * @returns what failed, and why
 * @throws InterruptedError where `signal` aborts, after every process has saved where it stands
 */
export const execute: Executor = async (units, options) => {
  const { places, jobs = availableParallelism(), signal = interruptSignal(), say = () => undefined } = options;
  const { ownMethods = [] } = options;
  if (!(Number.isInteger(jobs) && jobs >= 1)) {
    throw new UserError(`--jobs is ${jobs}, but a whole number from 1 is wanted.`);
  }
  const { ordered, waiting: toDo } = await pendingUnits(units, places);
  const waiting = [...toDo];
  const trained = new Set(ordered.filter((unit) => !waiting.includes(unit)).map(({ id }) => id));
  const total = waiting.length;
  const workOfUnits = new Map<CellId, number>();
  for (const unit of waiting) workOfUnits.set(unit.id, await workLeft(unit, places));
  const totalWork = [...workOfUnits.values()].reduce((sum, each) => sum + each, 0);
  if (total === 0) return [];
  say(
    `${ordered.length - total} of ${ordered.length} trainings are there with all that is measured of them; ${total} to do`,
  );
  const started = performance.now();
  let doneWork = 0;
  let finished = 0;
  const failures: Failure[] = [];
  const lost = new Set<CellId>();
  const workers = createWorkers(places);
  const stop = (): void => {
    workers.interrupt();
  };
  signal.addEventListener('abort', stop, { once: true });

  let here: Promise<unknown> = Promise.resolve();
  const runHere = async (unit: Unit): Promise<string | undefined> => {
    const methodOf = (name: string): Method => ownMethods.find((own) => own.name === name) ?? findMethod(name);
    const before = here;
    const work = (async () => {
      await before;
      if (signal.aborted) return 'interrupted';
      try {
        await runCells(unit.cells, { places, grid: unit.grid, methodOf, signal });
        return undefined;
      } catch (error) {
        if (error instanceof InterruptedError) return 'interrupted';
        return error instanceof UserError ? error.message : error instanceof Error ? error.stack : messageOf(error);
      }
    })();
    here = work;
    return work;
  };

  const runUnit = async (unit: Unit): Promise<string | undefined> => {
    const training = unit.cells[0]?.cell;
    if (training?.kind === 'train' && ownMethods.some(({ name }) => name === training.method)) return runHere(unit);
    await writePlans(unit, places);
    const log = join(runFolder(places, unit.id), 'log.txt');
    const order: Order = { ids: unit.cells.map(({ id }) => id), log };
    for (let attempt = 0; ; attempt++) {
      const outcome = await workers.run(order, unit.kind);
      if (signal.aborted) return 'interrupted';
      if ('lost' in outcome) return `${outcome.lost} (${log})`;
      if (outcome.exitCode === exitCodes.done) return undefined;
      if (outcome.exitCode !== exitCodes.resumable || attempt === patience.times) {
        return `${outcome.message ?? `exit code ${outcome.exitCode}`} (${log})`;
      }
      const pause = await setTimeout(patience.pause, 'over', { signal }).catch(() => 'interrupted');
      if (pause === 'interrupted') return pause;
    }
  };

  const known = new Set(ordered.map(({ id }) => id));
  const running = new Map<Unit, Promise<void>>();
  try {
    while ((waiting.length > 0 || running.size > 0) && !signal.aborted) {
      // What needs something that failed can't be done.
      for (let i = waiting.length - 1; i >= 0; i--) {
        const unit = waiting[i]!;
        if (!unit.needs.some((need) => lost.has(need))) continue;
        waiting.splice(i, 1);
        lost.add(unit.id);
        failures.push({ name: unit.name, reason: 'a teacher that it needs could not be trained' });
      }
      const ready = waiting.filter(({ needs }) => needs.every((need) => trained.has(need) || !known.has(need)));
      const unit = nextOf(ready, workers.idleKinds(), new Set([...running.keys()].map(({ kind }) => kind)));
      if (unit && running.size < jobs) {
        waiting.splice(waiting.indexOf(unit), 1);
        const begun = performance.now();
        running.set(
          unit,
          runUnit(unit).then((reason) => {
            running.delete(unit);
            if (reason === 'interrupted') return;
            finished++;
            doneWork += workOfUnits.get(unit.id)!;
            if (reason === undefined) trained.add(unit.id);
            else {
              lost.add(unit.id);
              failures.push({ name: unit.name, reason });
            }
            const elapsed = (performance.now() - started) / 1000;
            const left = (elapsed * (totalWork - doneWork)) / doneWork;
            say(
              `${finished}/${total} done · ${running.size} running · ${waiting.length} left · about ${minutes(left)} left · ` +
                `${unit.name} ${reason === undefined ? minutes((performance.now() - begun) / 1000) : `FAILED: ${reason}`}`,
            );
          }),
        );
        continue;
      }
      if (running.size === 0) break;
      await Promise.race(running.values());
    }
    await Promise.all(running.values());
  } finally {
    signal.removeEventListener('abort', stop);
    await workers.close();
  }
  if (signal.aborted)
    throw new InterruptedError('interrupted; every training was saved, and the same command goes on.');
  return failures;
};
