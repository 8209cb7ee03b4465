import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { UserError } from '../errors.js';
import type { Scale } from '../reproduction/plan.js';

interface Flags {
  readonly scale: Scale;
  readonly seed: number;
  readonly only?: string[];
  readonly runs?: string;
  readonly results?: string;
  readonly json?: boolean;
}

const seed = (value: string): number => {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('a whole number from 0 is wanted.');
  return number;
};

/** `ciard reproduce`: regenerates a table. */
export const add = (program: Command): void => {
  program
    .command('reproduce')
    .description('regenerate a table of results: train, attack, evaluate, write')
    .argument('<table>', 'quick (embedded data, minutes) or cifar10')
    .addOption(
      new Option('--scale <scale>', 'small: for a computer at hand; paper: the published recipes')
        .choices(['small', 'paper'])
        .default('small'),
    )
    .option('--seed <n>', 'seed of everything that is drawn', seed, 0)
    .option('--only <id...>', 'only these networks, and the teachers that they need')
    .option('--runs <folder>', 'where training runs are kept and gone on with (default: runs/<table>-<scale>-seed<n>)')
    .option(
      '--results <folder>',
      'where the results go (default: results/<table>, with -paper and -seed<n> where they are not the usual)',
    )
    .option('--json', 'print the results as JSON')
    .action(async (table: string, flags: Flags) => {
      await import('../engine/backend.js');
      const [{ findPlan }, { reproduce }, { textTable }, { terminalProgress }, { places }] = await Promise.all([
        import('../reproduction/catalogue.js'),
        import('../reproduction/reproduce.js'),
        import('../results/table.js'),
        import('../progress.js'),
        import('../setup/places.mjs'),
      ]);
      const plan = findPlan(table, flags.scale);
      const unknown = flags.only?.filter((id) => !plan.jobs.some((job) => job.id === id)) ?? [];
      if (unknown.length > 0) {
        throw new UserError(
          `--only ${unknown.join(' ')}: ${table} has no such network. It has ${plan.jobs.map(({ id }) => id).join(', ')}.`,
        );
      }
      if (table === 'quick' && flags.scale === 'paper') {
        throw new UserError('quick has no published recipe: it is the small table. Take cifar10 --scale paper.');
      }
      // Results of one scale or seed never overwrite another's.
      const suffix = `${flags.scale === 'paper' ? '-paper' : ''}${flags.seed === 0 ? '' : `-seed${flags.seed}`}`;
      const results = flags.results ?? join(places.root, 'results', `${table}${suffix}`);
      const records = await reproduce(plan, {
        seed: flags.seed,
        runs: flags.runs ?? join(places.root, 'runs', `${table}-${flags.scale}-seed${flags.seed}`),
        results,
        ...(flags.only ? { only: flags.only } : {}),
        progress: terminalProgress(),
      });
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(records, null, 2)}\n`
          : `\n${plan.title}\n\n${textTable(records)}\n${join(results, 'table.md')}\n`,
      );
    });
};
