import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { Places } from '../experiments/places.js';
import type { ArrayJob } from './plan.js';

/** What a user asks of SLURM. */
export interface SlurmRequest {
  readonly partition?: string | undefined;
  readonly account?: string | undefined;
  /** A task's limit, as sbatch has it: '2:00:00', '1-12'. */
  readonly time?: string | undefined;
  readonly gpus?: number | undefined;
  /** Processors of a task, and so its TensorFlow threads. Default: 1. */
  readonly cpus?: number | undefined;
  /** Further options of sbatch, as they stand on its command line. */
  readonly sbatch?: string | undefined;
}

/** Seconds before a task's limit at which it is asked to save its state. */
const warning = 120;

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** 0,1,2,5 as '0-2,5'. */
export const ranges = (indices: readonly number[]): string => {
  const parts: [number, number][] = [];
  for (const index of [...indices].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.map(([first, end]) => (first === end ? String(first) : `${first}-${end}`)).join(',');
};

/** The file of what the tasks of a job run: a line an index, ids with spaces between them. */
export const tasksText = ({ tasks }: ArrayJob): string => {
  const lines = Array.from({ length: Math.max(...tasks.map(({ index }) => index)) + 1 }, () => '');
  for (const { index, cells } of tasks) lines[index] = cells.join(' ');
  return `${lines.join('\n')}\n`;
};

/**
 * The script of an array job. A task takes the ids of its cells from its line of a file and becomes `ciard cell run`, which
 * saves its state when SLURM warns it, and has itself queued again.
 *
 * @param options `root`: the checkout, in a folder that all nodes share; `folder`: the submission's; `name`: of its files
 * @throws UserError where what is asked can't stand in a script
 */
export const jobScript = (
  job: ArrayJob,
  {
    root,
    folder,
    name,
    node,
    places,
    request: { partition, account, time, gpus, cpus = 1, sbatch },
  }: {
    readonly root: string;
    readonly folder: string;
    readonly name: string;
    /** The program `node`, at the same path on all nodes. */
    readonly node: string;
    readonly places: Places;
    readonly request: SlurmRequest;
  },
): string => {
  for (const [flag, value] of Object.entries({ partition, account, time, sbatch })) {
    if (value !== undefined && (/[\n\r]/.test(value) || value.trim() === '')) {
      throw new UserError(`--${flag} ${JSON.stringify(value)}: one line of text is wanted.`);
    }
  }
  const options = [
    `--job-name=ciard-${job.kind}`,
    `--array=${ranges(job.tasks.map(({ index }) => index))}`,
    `--output="${join(folder, `${name}-%a.log`)}"`,
    '--open-mode=append',
    '--requeue',
    `--signal=B:TERM@${warning}`,
    '--kill-on-invalid-dep=yes',
    '--ntasks=1',
    `--cpus-per-task=${cpus}`,
    ...(partition === undefined ? [] : [`--partition=${partition}`]),
    ...(account === undefined ? [] : [`--account=${account}`]),
    ...(time === undefined ? [] : [`--time=${time}`]),
    ...(gpus === undefined ? [] : [`--gpus-per-task=${gpus}`]),
    ...(sbatch === undefined ? [] : [sbatch]),
  ];
  return [
    '#!/bin/bash',
    ...options.map((option) => `#SBATCH ${option}`),
    `cd ${quoted(root)} || exit 1`,
    `export TF_NUM_INTRAOP_THREADS=${cpus} TF_NUM_INTEROP_THREADS=${cpus}`,
    `read -r -a cells < <(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" ${quoted(join(folder, `${name}.tasks`))})`,
    `exec ${quoted(node)} bin/ciard.mjs cell run "\${cells[@]}" --requeue \\`,
    `  --results ${quoted(places.results)} --runs ${quoted(places.runs)}`,
    '',
  ].join('\n');
};
