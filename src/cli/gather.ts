import type { Command } from 'commander';
import type { Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import type { ScaleName } from '../experiments/scale-names.js';
import { precisionOption, replicates, scaleOption } from './cell.js';

interface Flags {
  readonly scale: ScaleName;
  readonly data?: string;
  readonly seeds?: number;
  readonly precision: Precision;
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
    .action(async (name: string | undefined, { scale, data, seeds, precision, dvc }: Flags) => {
      const [
        { parseDatasetName },
        { findGrid },
        { grids },
        { defaultPlaces },
        { settingOf },
        { checkHasRows },
        { gather },
      ] = await Promise.all([
        import('../data/datasets.js'),
        import('../experiments/grids.js'),
        import('../experiments/paper-grids.js'),
        import('../experiments/places.js'),
        import('../experiments/setting.js'),
        import('../experiments/table.js'),
        import('../slurm/gather.js'),
      ]);
      const setting = await settingOf(scale, {
        data: data === undefined ? undefined : parseDatasetName(data),
        replicates: seeds,
        precision,
      });
      const chosen = name === undefined ? grids : [findGrid(name)];
      for (const grid of chosen) checkHasRows(grid, setting);
      const found = await gather(chosen, setting, {
        places: defaultPlaces(),
        dvc,
        say: (line) => {
          process.stdout.write(`${line}\n`);
        },
      });
      if (found.length === 0) throw new UserError('nothing is measured yet: "ciard status" says how it stands.');
    });
};
