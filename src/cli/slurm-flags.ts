import { Option, type Command } from 'commander';
import { UserError } from '../errors.js';
import type { Places } from '../experiments/places.js';
import type { Unit } from '../experiments/units.js';
import type { SlurmRequest } from '../slurm/script.js';
import { replicates } from './cell.js';

/** Where a command runs, and what is asked of SLURM there. */
export interface SlurmFlags {
  readonly on: 'local' | 'slurm';
  readonly partition?: string;
  readonly account?: string;
  readonly time?: string;
  readonly gpus?: number;
  readonly cpus?: number;
  readonly sbatch?: string;
}

const names = ['partition', 'account', 'time', 'gpus', 'cpus', 'sbatch'] as const;

export const withSlurmFlags = (command: Command): Command =>
  command
    .addOption(
      new Option('--on <where>', 'local: processes of this machine; slurm: array jobs of a cluster')
        .choices(['local', 'slurm'])
        .default('local'),
    )
    .option('--partition <name>', 'with --on slurm: the partition')
    .option('--account <name>', 'with --on slurm: the account')
    .option(
      '--time <limit>',
      "with --on slurm: a task's limit, as sbatch has it; it is warned before, and goes on later",
    )
    .option('--gpus <n>', 'with --on slurm: GPUs of a task', replicates)
    .option(
      '--cpus <n>',
      'with --on slurm: processors of a task, and so its TensorFlow threads (default: 1)',
      replicates,
    )
    .option('--sbatch <options>', 'with --on slurm: further options of sbatch, in one text');

/**
 * What is asked of SLURM; undefined where the command runs here.
 * @throws UserError where flags make no sense together
 */
export const slurmRequest = (
  flags: SlurmFlags & {
    readonly jobs?: number;
    readonly json?: boolean;
    readonly fromCheckpoints?: boolean;
    readonly out?: string;
  },
): SlurmRequest | undefined => {
  const given = names.filter((name) => flags[name] !== undefined);
  if (flags.on === 'local') {
    if (given.length === 0) return undefined;
    throw new UserError(`--${given.join(' and --')} is for SLURM: add --on slurm, or leave it out.`);
  }
  for (const [flag, value] of [
    ['--jobs', flags.jobs],
    ['--json', flags.json],
    ['--from-checkpoints', flags.fromCheckpoints],
    ['--out', flags.out],
  ] as const) {
    if (value !== undefined && value !== false) {
      throw new UserError(
        `${flag} means nothing with --on slurm, which hands tasks in and returns: leave it out` +
          `${flag === '--json' ? ' ("ciard status --json" says how they stand)' : ''}.`,
      );
    }
  }
  return Object.fromEntries(names.map((name) => [name, flags[name]]));
};

/**
 * Hands units to SLURM, and says what it took; with `dryRun` the scripts are printed instead.
 * @param tables the arguments, of each table or setting, by which `ciard status` and `ciard gather` know them
 */
export const runOnSlurm = async (
  units: readonly Unit[],
  places: Places,
  request: SlurmRequest,
  dryRun: boolean,
  tables: readonly string[],
): Promise<void> => {
  const { describeSubmission, onSlurm } = await import('../slurm/submit.js');
  if (dryRun) {
    process.stdout.write(await describeSubmission(units, places, request));
    return;
  }
  await onSlurm(request)(units, {
    places,
    say: (line) => {
      process.stdout.write(`${line}\n`);
    },
  });
  for (const what of tables) {
    process.stdout.write(
      `"npx ciard status ${what}" says how it stands, "npx ciard gather ${what}" renders what came out.\n`,
    );
  }
};
