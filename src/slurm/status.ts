import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDone } from '../experiments/execute.js';
import { recordOf, runFolder, type Places } from '../experiments/places.js';
import type { Unit } from '../experiments/units.js';
import { readQueue, type Queue } from './queue.js';
import { submittedCells, type SubmittedCell } from './submissions.js';

/** How a training, with what is measured of it, stands. */
export interface UnitStatus {
  readonly id: string;
  readonly name: string;
  readonly state: 'done' | 'running' | 'waiting' | 'stopped' | 'in part' | 'not begun';
  /** Cells that have their records, of all. */
  readonly done: number;
  readonly cells: number;
  /** Where it runs, what it waits for, or the last lines of what stopped. */
  readonly detail: string;
  /** Processor seconds that its records tell of. */
  readonly seconds: number;
}

/** The end of a log: the last lines that say something. */
const lastLines = async (file: string): Promise<string> =>
  (await readFile(file, 'utf8').catch(() => ''))
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '')
    .slice(-2)
    .join(' | ');

const statusOf = async (
  unit: Unit,
  places: Places,
  submitted: ReadonlyMap<string, SubmittedCell>,
): Promise<UnitStatus> => {
  let [done, seconds] = [0, 0];
  const open: string[] = [];
  for (const { id } of unit.cells) {
    const record = await recordOf(places, id, unit.grid);
    if (!record) open.push(id);
    else {
      done++;
      seconds += record.cost.processor;
    }
  }
  const common = { id: unit.id, name: unit.name, done, cells: unit.cells.length, seconds };
  if (await isDone(unit, places)) return { ...common, state: 'done', detail: '' };
  const tasks = open.flatMap((id) => submitted.get(id) ?? []);
  const running = tasks.find(({ queued }) => queued !== undefined && queued.node !== '');
  if (running) return { ...common, state: 'running', detail: `${running.task} on ${running.queued!.node}` };
  const waiting = tasks.find(({ queued }) => queued !== undefined);
  if (waiting) return { ...common, state: 'waiting', detail: `${waiting.task}: ${waiting.queued!.reason}` };
  const own = join(runFolder(places, unit.id), 'log.txt');
  for (const log of [...tasks.map((task) => task.log), own]) {
    if (existsSync(log)) return { ...common, state: 'stopped', detail: `${await lastLines(log)} (${log})` };
  }
  return tasks.length > 0
    ? { ...common, state: 'stopped', detail: `${tasks[0]!.task} ended before it began: what it needed failed` }
    : { ...common, state: done > 0 ? 'in part' : 'not begun', detail: '' };
};

/**
 * How units stand: by SLURM's queue where it answers, else by the records and logs alone.
 * @returns `queue`: whether SLURM answered
 */
export const readStatus = async (
  units: readonly Unit[],
  places: Places,
): Promise<{ readonly units: readonly UnitStatus[]; readonly queue: boolean }> => {
  const queue: Queue | undefined = await readQueue().catch(() => undefined);
  const submitted = await submittedCells(places, queue ?? new Map());
  const found: UnitStatus[] = [];
  for (const unit of units) found.push(await statusOf(unit, places, submitted));
  return { units: found, queue: queue !== undefined };
};
