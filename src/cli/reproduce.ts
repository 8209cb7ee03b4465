import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import type { Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import { scaleNames, type ScaleName } from '../experiments/scale-names.js';
import { precisionOption, replicates } from './cell.js';
import { runOnSlurm, slurmRequest, withSlurmFlags, type SlurmFlags } from './slurm-flags.js';
import { checkPlanFlags, compareRun, outOption, placesOf, reportFailures } from './table.js';

interface Flags extends SlurmFlags {
  readonly data?: string;
  readonly seeds?: number;
  readonly precision: Precision;
  readonly jobs?: number;
  readonly out?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `ciard reproduce`: every table of a scale. */
export const add = (program: Command): void => {
  withSlurmFlags(program.command('reproduce'))
    .description('run what the tables of a scale lack, and render all of them with the verdicts (results/README.md)')
    .addArgument(
      new Argument(
        '<scale>',
        'quick: embedded data, minutes; lite: real data, hours; paper: the published recipes',
      ).choices(scaleNames),
    )
    .option('--data <name>', 'one data set of the scale alone')
    .option('--seeds <n>', 'replicates 0 … n − 1 (default: those of the scale)', replicates)
    .option('--jobs <n>', 'processes at a time, each with one TensorFlow thread (default: one a processor)', replicates)
    .addOption(precisionOption())
    .option('--dry-run', 'list what would be run')
    .addOption(outOption())
    .option('--json', 'print the rows of every table as JSON')
    .action(async (scale: ScaleName, flags: Flags) => {
      const { data, seeds, precision, jobs, dryRun = false, json = false } = flags;
      const request = slurmRequest(flags);
      checkPlanFlags({ dryRun, json, ...(jobs === undefined ? {} : { jobs }) });
      const [{ parseDatasetName }, { settingFlags }, { grids }, { writeReadme }, { scales }, { settingOf }, tables] =
        await Promise.all([
          import('../data/datasets.js'),
          import('../experiments/grid.js'),
          import('../experiments/paper-grids.js'),
          import('../experiments/readme.js'),
          import('../experiments/scale.js'),
          import('../experiments/setting.js'),
          import('../experiments/table.js'),
        ]);
      const [{ dataRoot }, { textOfTable }] = await Promise.all([
        import('../data/location.js'),
        import('../tables/text.js'),
      ]);
      const datasets = data === undefined ? scales[scale].datasets : [parseDatasetName(data)];
      const absent = datasets.filter(
        (name) => name !== 'synthetic' && !existsSync(join(dataRoot(), name, 'dataset.json')),
      );
      if (absent.length > 0 && !dryRun) {
        throw new UserError(
          `the scale ${scale} needs ${absent.join(' and ')}, which ${absent.length > 1 ? 'are' : 'is'} not here: import ` +
            `${absent.length > 1 ? 'them' : 'it'} ("ciard data import"), or name one data set by --data.`,
        );
      }
      const places = await placesOf(flags.out);
      const options = {
        places,
        ...(jobs === undefined ? {} : { jobs }),
        say: (line: string) => {
          process.stderr.write(`${line}\n`);
        },
      };
      if (request) {
        const units = [];
        const flags: string[] = [];
        for (const name of datasets) {
          const setting = await settingOf(scale, { data: name, replicates: seeds, precision });
          units.push(...tables.unitsOfTables(grids, setting, undefined));
          flags.push(settingFlags(setting));
        }
        await runOnSlurm(units, places, request, dryRun, flags);
        return;
      }
      const { checkFolderWritable } = await import('../atomic-write.js');
      if (!dryRun) for (const folder of [places.runs, places.results]) await checkFolderWritable(folder);
      const found = [];
      const failures = [];
      const measured = [];
      for (const name of datasets) {
        const setting = await settingOf(scale, { data: name, replicates: seeds, precision });
        if (dryRun) {
          found.push(...(await tables.planTable(grids, setting, options)));
          continue;
        }
        const run = await tables.runTables(grids, setting, options);
        failures.push(...run.failures);
        measured.push(...tables.unitsOfTables(grids, setting, undefined));
        for (const { grid, rows, shown, file } of run.results) {
          found.push({ table: grid, scale, data: name, rows });
          if (!json) process.stdout.write(`${textOfTable(shown)}\n${file}\n\n`);
        }
      }
      if (dryRun && !json)
        process.stdout.write(tables.planText(found as Awaited<ReturnType<typeof tables.planTable>>, jobs));
      if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      if (dryRun) return;
      const readme = await writeReadme(places);
      if (!json && flags.out !== undefined) process.stdout.write(`${(await compareRun(measured, places)).text}\n`);
      if (!json) process.stdout.write(`${readme}\n`);
      reportFailures(failures);
    });
};
