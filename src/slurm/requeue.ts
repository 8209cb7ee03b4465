import { UserError } from '../errors.js';
import { slurm } from './queue.js';

/**
 * Has SLURM queue the task again that this process is. One that was cancelled is over and stays so.
 *
 * @throws UserError where this process is no task of SLURM, or SLURM refuses
 */
export const requeueTask = async (): Promise<void> => {
  const { SLURM_JOB_ID: job } = process.env;
  if (job === undefined)
    throw new UserError('--requeue is for a task of SLURM, and this process is none: leave it out.');
  const state = await slurm('squeue', ['--noheader', `--jobs=${job}`, '--format=%T']);
  if (state.trim() === 'RUNNING') await slurm('scontrol', ['requeue', job]);
};
