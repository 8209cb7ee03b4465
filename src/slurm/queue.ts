import { execa } from 'execa';
import { UserError } from '../errors.js';

/** Where SLURM has a task that is not over. */
export interface QueuedTask {
  /** 'PENDING', 'RUNNING', 'COMPLETING', … */
  readonly state: string;
  /** The node that it runs on; empty where it waits. */
  readonly node: string;
  /** What it waits for: 'Dependency', 'Resources', … */
  readonly reason: string;
}

/** A task by SLURM's name of it: '123_4'. */
export type Queue = ReadonlyMap<string, QueuedTask>;

/** What `squeue --format=%i|%T|%N|%r --array --noheader` prints. */
export const parseQueue = (text: string): Queue =>
  new Map(
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const [id = '', state = '', node = '', reason = ''] = line.trim().split('|');
        return [id, { state, node, reason }];
      }),
  );

/** One of SLURM's commands. @throws UserError where it is not there, or refuses */
export const slurm = async (command: string, args: readonly string[]): Promise<string> => {
  const { stdout, stderr, exitCode, code } = await execa(command, args, { reject: false, stdin: 'ignore' });
  if (code === 'ENOENT') {
    throw new UserError(
      `${command} is not here: --on slurm is for the login node of a cluster that SLURM manages. ` +
        'Without it, what is missing runs on this machine.',
    );
  }
  if (exitCode === 0) return stdout;
  const said = stderr
    .trim()
    .replace(/^\w+: error: /gm, '')
    .replaceAll('\n', '; ');
  throw new UserError(`SLURM's ${command} refused: ${said === '' ? `exit code ${exitCode ?? '?'}` : said}`);
};

/** The user's tasks that are not over. @throws UserError where SLURM does not answer */
export const readQueue = async (): Promise<Queue> =>
  parseQueue(await slurm('squeue', ['--me', '--array', '--noheader', '--format=%i|%T|%N|%r']));

/** The limits that a cluster sets to submissions. */
export interface Limits {
  /** Elements of an array. */
  readonly array: number;
  /** Jobs that the cluster holds at a time, elements counted singly. */
  readonly jobs: number;
}

/** What `scontrol show config` says of them. */
export const parseLimits = (text: string): Limits => {
  const value = (name: string, otherwise: number): number =>
    Number(new RegExp(`^${name}\\s*=\\s*(\\d+)`, 'm').exec(text)?.[1] ?? otherwise);
  return { array: value('MaxArraySize', 1001), jobs: value('MaxJobCount', 10_000) };
};

export const readLimits = async (): Promise<Limits> => parseLimits(await slurm('scontrol', ['show', 'config']));
