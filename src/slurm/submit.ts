import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../atomic-write.js';
import { repositoryRoot } from '../data/location.js';
import { UserError } from '../errors.js';
import { holdAlone } from '../exclusive.js';
import { pendingUnits, writePlans, type Executor } from '../experiments/execute.js';
import { recordOf, runFolder, type Places } from '../experiments/places.js';
import type { Unit } from '../experiments/units.js';
import type { CellId } from '../results/cell.js';
import { bestFile } from '../training/run-folder.js';
import { writerMark } from '../writer.js';
import { planArrays, type ArrayJob, type PendingUnit } from './plan.js';
import { readLimits, readQueue, slurm } from './queue.js';
import { jobScript, tasksText, type SlurmRequest } from './script.js';
import { submissionsFolder, submittedCells, writeSubmission, type Submission } from './submissions.js';

/** What is to be handed in, and what is under way already. */
interface Plan {
  readonly jobs: readonly ArrayJob[];
  readonly units: readonly Unit[];
  /** Trainings under way, by SLURM's name of their task. */
  readonly tasks: ReadonlyMap<CellId, string>;
  readonly underWay: number;
}

const planOf = async (units: readonly Unit[], places: Places): Promise<Plan> => {
  const [queue, limits] = await Promise.all([readQueue(), readLimits()]);
  const submitted = await submittedCells(places, queue);
  const isUnderWay = (id: CellId): boolean => submitted.get(id)?.queued !== undefined;
  const { waiting } = await pendingUnits(units, places);
  const pending: PendingUnit[] = [];
  const tasks = new Map<CellId, string>();
  let underWay = 0;
  for (const unit of waiting) {
    const evaluations: CellId[] = [];
    for (const { id, cell } of unit.cells) {
      if (isUnderWay(id)) underWay++;
      else if (cell.kind === 'evaluate' && !(await recordOf(places, id, unit.grid))) evaluations.push(id);
    }
    const training = submitted.get(unit.id);
    if (training?.queued) tasks.set(unit.id, training.task);
    const isThere =
      existsSync(bestFile(runFolder(places, unit.id))) && (await recordOf(places, unit.id, unit.grid)) !== undefined;
    const trains = !isThere && training?.queued === undefined;
    if (trains || evaluations.length > 0) pending.push({ unit, trains, evaluations });
  }
  const jobs = planArrays(pending, new Set(tasks.keys()), limits.array);
  const count = jobs.reduce((sum, job) => sum + job.tasks.length, 0);
  if (queue.size + count > limits.jobs) {
    throw new UserError(
      `${count} tasks are to be submitted, but the cluster holds at most ${limits.jobs} (MaxJobCount) and has ${queue.size} ` +
        'of yours: submit fewer tables, rows (--only) or replicates (--seeds) at a time.',
    );
  }
  return { jobs, units: pending.map(({ unit }) => unit), tasks, underWay };
};

const nameOfJob = ({ kind }: ArrayJob, place: number): string => `${String(place).padStart(2, '0')}-${kind}`;

/** What a job waits for, as sbatch has it. */
const dependencyOf = ({ after, follows }: ArrayJob, taskOf: (id: CellId) => string, jobs: readonly string[]): string =>
  [
    ...(after.length === 0 ? [] : [`afterok:${after.map(taskOf).join(':')}`]),
    ...(follows === null ? [] : [`aftercorr:${jobs[follows]!}`]),
  ].join(',');

/** The job scripts that would be submitted, as text: nothing is written, and nothing handed in. */
export const describeSubmission = async (
  units: readonly Unit[],
  places: Places,
  request: SlurmRequest,
): Promise<string> => {
  const { jobs, tasks, underWay } = await planOf(units, places);
  const folder = join(submissionsFolder(places), 'NEW');
  const parts = jobs.map((job, place) => {
    const name = nameOfJob(job, place);
    const nameOf = (id: CellId): string =>
      tasks.get(id) ?? units.find((unit) => unit.id === id)?.name ?? id.slice(0, 12);
    const dependency = dependencyOf(
      job,
      nameOf,
      jobs.map((each, at) => nameOfJob(each, at)),
    );
    return [
      `### ${name}: ${job.tasks.length} tasks${dependency === '' ? '' : `, --dependency=${dependency}`}`,
      ...job.tasks.map(({ index, name: title, cells }) => `#   ${index}: ${title} (${cells.length} cells)`),
      jobScript(job, { root: repositoryRoot(), folder, name, node: process.execPath, places, request }),
    ].join('\n');
  });
  const count = jobs.reduce((sum, { tasks: own }) => sum + own.length, 0);
  return `${parts.join('\n')}${jobs.length} array jobs of ${count} tasks; ${underWay} cells are under way already.\n`;
};

/**
 * Hands what units lack to SLURM: a few array jobs that wait for one another. Nothing that is done or under way is handed
 * in again. It returns as soon as SLURM has taken them.
 *
 * @throws UserError where there is no SLURM, or it refuses: what it took before stays known
 */
export const submit = async (
  units: readonly Unit[],
  places: Places,
  request: SlurmRequest,
): Promise<{ readonly submission: Submission; readonly folder: string | null; readonly underWay: number }> => {
  await mkdir(submissionsFolder(places), { recursive: true });
  // Of two that come at once the second is to see what the first has handed in.
  const hold = await holdAlone(join(submissionsFolder(places), '.lock'), `the folder ${submissionsFolder(places)}`);
  try {
    const { jobs, units: pending, tasks, underWay } = await planOf(units, places);
    const submitted = new Date().toISOString();
    const submission: Submission = { format: 'ciard-slurm-1', submitted, jobs: [] };
    if (jobs.length === 0) return { submission, folder: null, underWay };
    const folder = join(submissionsFolder(places), `${submitted.replaceAll(/[:.]/g, '-')}-${writerMark()}`);
    await mkdir(folder);
    for (const unit of pending) await writePlans(unit, places);
    await mkdir(places.results, { recursive: true });
    const numbers: string[] = [];
    const taskOf = new Map(tasks);
    for (const [place, job] of jobs.entries()) {
      const name = nameOfJob(job, place);
      const script = join(folder, `${name}.sh`);
      await writeAtomically(join(folder, `${name}.tasks`), [tasksText(job)]);
      await writeAtomically(script, [
        jobScript(job, { root: repositoryRoot(), folder, name, node: process.execPath, places, request }),
      ]);
      const dependency = dependencyOf(job, (id) => taskOf.get(id)!, numbers);
      const answer = await slurm('sbatch', [
        '--parsable',
        ...(dependency === '' ? [] : [`--dependency=${dependency}`]),
        script,
      ]);
      const number = answer.trim().split(';')[0]!;
      numbers.push(number);
      if (job.kind === 'train') for (const { index, cells } of job.tasks) taskOf.set(cells[0]!, `${number}_${index}`);
      submission.jobs.push({
        job: number,
        kind: job.kind,
        name,
        tasks: job.tasks.map((task) => ({ ...task, cells: [...task.cells] })),
      });
      await writeSubmission(folder, submission);
    }
    return { submission, folder, underWay };
  } finally {
    await hold.release();
  }
};

/** The executor that hands in and returns. It says what SLURM took. */
export const onSlurm =
  (request: SlurmRequest): Executor =>
  async (units, { places, say = () => undefined }) => {
    const { submission, folder, underWay } = await submit(units, places, request);
    for (const { job, kind, tasks } of submission.jobs) say(`job ${job}: ${tasks.length} tasks (${kind})`);
    say(
      folder === null
        ? `nothing to submit: ${underWay} cells are under way, the rest is done`
        : `submitted (${folder}); ${underWay} cells were under way already`,
    );
    return [];
  };
