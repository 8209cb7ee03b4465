import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../atomic-write.js';
import { UserError } from '../errors.js';
import type { Places } from '../experiments/places.js';
import { cellIdSchema, type CellId } from '../results/cell.js';
import type { Queue, QueuedTask } from './queue.js';

const submissionSchema = z.strictObject({
  format: z.literal('ciard-slurm-1'),
  submitted: z.string(),
  jobs: z.array(
    z.strictObject({
      /** SLURM's number of the array job. */
      job: z.string().regex(/^\d+$/),
      kind: z.enum(['train', 'evaluate']),
      /** Of its script and logs, in the submission's folder. */
      name: z.string(),
      tasks: z.array(z.strictObject({ index: z.int(), name: z.string(), cells: z.array(cellIdSchema) })),
    }),
  ),
});

/** What was handed to SLURM in one go. */
export type Submission = z.infer<typeof submissionSchema>;

/** Submissions lie beside the cells' runs, a folder each. */
export const submissionsFolder = ({ runs }: Places): string => join(runs, '..', 'slurm');

const fileOf = (folder: string): string => join(folder, 'submission.json');

export const writeSubmission = (folder: string, submission: Submission): Promise<void> =>
  writeAtomically(fileOf(folder), [`${JSON.stringify(submission, null, 1)}\n`]);

/** All submissions, the latest last. @throws UserError where one can't be read */
const readSubmissions = async (
  places: Places,
): Promise<readonly { readonly folder: string; readonly submission: Submission }[]> => {
  const folder = submissionsFolder(places);
  const names = await readdir(folder).catch(() => []);
  const found = [];
  for (const name of names.sort()) {
    const file = fileOf(join(folder, name));
    const text = await readFile(file, 'utf8').catch(() => undefined);
    // One that was stopped before SLURM took anything.
    if (text === undefined) continue;
    try {
      found.push({ folder: join(folder, name), submission: submissionSchema.parse(JSON.parse(text)) });
    } catch {
      throw new UserError(`${file} is no record of a submission: move it away, and its jobs are not known any more.`);
    }
  }
  return found;
};

/** Where a cell was last handed in. */
export interface SubmittedCell {
  /** SLURM's name of the task: '123_4'. */
  readonly task: string;
  readonly log: string;
  /** Where SLURM has it now; undefined where it is over. */
  readonly queued: QueuedTask | undefined;
}

/** Every cell that was ever handed in, by its id. */
export const submittedCells = async (places: Places, queue: Queue): Promise<ReadonlyMap<CellId, SubmittedCell>> => {
  const cells = new Map<CellId, SubmittedCell>();
  for (const { folder, submission } of await readSubmissions(places)) {
    for (const { job, name, tasks } of submission.jobs) {
      for (const { index, cells: ids } of tasks) {
        const task = `${job}_${index}`;
        for (const id of ids) {
          const earlier = cells.get(id)?.queued;
          const queued = queue.get(task);
          if (queued !== undefined || earlier === undefined) {
            cells.set(id, { task, log: join(folder, `${name}-${index}.log`), queued });
          }
        }
      }
    }
  }
  return cells;
};
