import type { Command } from 'commander';
import { UserError } from '../errors.js';
import { chosenTables, type SettingFlags } from './chosen-tables.js';
import { precisionOption, replicates, scaleOption } from './cell.js';

interface Flags extends SettingFlags {
  readonly dvc: boolean;
}

/** `ciard gather`: what came out on a cluster, as tables. */
export const add = (program: Command): void => {
  program
    .command('gather')
    .description('check what was measured, render tables and verdicts, and tell DVC of what is whole')
    .argument('[table]', 'one table; all of the scale by default')
    .addOption(scaleOption())
    .option('--data <name>', "the data set (default: the scale's first)")
    .option('--seeds <n>', 'replicates 0 … n − 1 (default: those of the scale)', replicates)
    .addOption(precisionOption())
    .option('--no-dvc', 'leave DVC out')
    .action(async (name: string | undefined, flags: Flags) => {
      const [{ defaultPlaces }, { gather }] = await Promise.all([
        import('../experiments/places.js'),
        import('../slurm/gather.js'),
      ]);
      const { chosen, setting } = await chosenTables(name, flags);
      const found = await gather(chosen, setting, {
        places: defaultPlaces(),
        dvc: flags.dvc,
        say: (line) => {
          process.stdout.write(`${line}\n`);
        },
      });
      if (found.length === 0) throw new UserError('nothing is measured yet: "ciard status" says how it stands.');
    });
};
