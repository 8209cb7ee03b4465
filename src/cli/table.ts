import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import type { RecordComparison } from '../experiments/compare-records.js';
import type { Places } from '../experiments/places.js';
import type { ScaleName } from '../experiments/scale-names.js';
import type { Unit } from '../experiments/units.js';
import { precisionOption, replicates, scaleOption } from './cell.js';
import { runOnSlurm, slurmRequest, withSlurmFlags, type SlurmFlags } from './slurm-flags.js';

interface Flags extends SlurmFlags {
  readonly data?: string;
  readonly scale: ScaleName;
  readonly precision: Precision;
  readonly seeds?: number;
  readonly jobs?: number;
  readonly only?: string[];
  readonly out?: string;
  readonly dryRun?: boolean;
  readonly fromCheckpoints?: boolean;
  readonly json?: boolean;
}

/** `ciard table`: runs what a table lacks, and renders it. */
export const add = (program: Command): void => {
  withSlurmFlags(program.command('table'))
    .description('run what a table lacks, and render it (results/<table>/<data>-<scale>)')
    .argument(
      '<table>',
      'students, teachers, black-box, ablation-terms, ablation-itt, ablation-push, degradation, cost or ' +
        "teacher-sensitivity; beside the paper's: rates, recipes, student-width, generalisation",
    )
    .option('--data <name>', "the data set (default: the scale's first)")
    .addOption(scaleOption())
    .option('--seeds <n>', 'replicates 0 … n − 1 (default: those of the scale)', replicates)
    .option('--jobs <n>', 'processes at a time, each with one TensorFlow thread (default: one a processor)', replicates)
    .addOption(precisionOption())
    .option('--only <method...>', 'run only these rows, and the teachers that they need')
    .option('--dry-run', 'list what would be run')
    .option(
      '--from-checkpoints',
      'train nothing: evaluate the shipped networks (replicate 0), and compare with the records',
    )
    .addOption(outOption())
    .option('--json', 'print the rows as JSON')
    .action(async (name: string, flags: Flags) => {
      const { dryRun = false, json = false, fromCheckpoints = false } = flags;
      if (fromCheckpoints && dryRun) {
        throw new UserError(
          '--dry-run lists what would be trained, and --from-checkpoints trains nothing: take one of them.',
        );
      }
      checkPlanFlags(flags);
      const request = slurmRequest(flags);
      if (fromCheckpoints && flags.out !== undefined) {
        throw new UserError('--from-checkpoints has a folder of its own (runs/from-checkpoints): leave --out out.');
      }
      const [{ parseDatasetName }, { settingFlags }, { findGrid }, { settingOf }, tables] = await Promise.all([
        import('../data/datasets.js'),
        import('../experiments/grid.js'),
        import('../experiments/grids.js'),
        import('../experiments/setting.js'),
        import('../experiments/table.js'),
      ]);
      const grid = findGrid(name);
      const setting = await settingOf(flags.scale, {
        data: flags.data === undefined ? undefined : parseDatasetName(flags.data),
        // One replicate is shipped.
        replicates: fromCheckpoints ? (flags.seeds ?? 1) : flags.seeds,
        precision: flags.precision,
      });
      tables.checkHasRows(grid, setting);
      const options = {
        places: await placesOf(flags.out),
        ...(flags.only ? { only: flags.only } : {}),
        ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
        say: (line: string) => {
          process.stderr.write(`${line}\n`);
        },
      };
      if (request) {
        const units = tables.unitsOfTables([grid], setting, flags.only);
        await runOnSlurm(units, options.places, request, dryRun, [`${grid.name} ${settingFlags(setting)}`]);
        return;
      }
      if (fromCheckpoints) {
        const [{ describeComparisons }, { tableFromCheckpoints }] = await Promise.all([
          import('../experiments/compare-records.js'),
          import('../experiments/from-checkpoints.js'),
        ]);
        const { rows, text, comparisons, failures, added } = await tableFromCheckpoints(grid, setting, options);
        if (added > 0) {
          await tables.renderTable(grid, setting, options.places);
          const { writeReadme } = await import('../experiments/readme.js');
          await writeReadme(options.places);
        }
        process.stdout.write(
          json
            ? `${JSON.stringify({ table: grid.name, scale: flags.scale, rows, comparisons: comparisons.evaluations }, null, 2)}\n`
            : `${text}\n${describeComparisons('evaluations of shipped networks, none trained', comparisons)}\n`,
        );
        reportFailures(failures);
        return;
      }
      if (dryRun) {
        const plan = await tables.planTable([grid], setting, options);
        process.stdout.write(json ? `${JSON.stringify(plan, null, 2)}\n` : tables.planText(plan, flags.jobs));
        return;
      }
      const { checkFolderWritable } = await import('../atomic-write.js');
      for (const folder of [options.places.runs, options.places.results]) await checkFolderWritable(folder);
      const { failures, results } = await tables.runTables([grid], setting, options);
      const compared =
        flags.out === undefined
          ? undefined
          : await compareRun(tables.unitsOfTables([grid], setting, flags.only), options.places);
      const [{ rows, shown, file }] = results as [(typeof results)[number]];
      const [{ textOfTable }, { writeReadme }] = await Promise.all([
        import('../tables/text.js'),
        import('../experiments/readme.js'),
      ]);
      await writeReadme(options.places);
      process.stdout.write(
        json
          ? `${JSON.stringify({ table: grid.name, scale: flags.scale, data: setting.data.name, rows, ...(compared && { comparisons: compared.comparisons.evaluations }) }, null, 2)}\n`
          : `${textOfTable(shown)}\n${compared ? `${compared.text}\n` : ''}${file}\n`,
      );
      reportFailures(failures);
    });
};

export const outOption = (): Option =>
  new Option(
    '--out <dir>',
    'measure anew, into this folder (records, tables and trainings), and compare with the records of results/',
  );

/** Where results and runs lie: the repository's places, or all in the folder `out`. */
export const placesOf = async (out: string | undefined): Promise<Places> => {
  const { defaultPlaces, placesIn } = await import('../experiments/places.js');
  return out === undefined ? defaultPlaces() : placesIn(resolve(out));
};

/** What was measured in a folder of its own, beside what is on record in the repository. */
export const compareRun = async (
  units: readonly Unit[],
  places: Places,
): Promise<{ readonly comparisons: RecordComparison; readonly text: string }> => {
  const [{ compareWithRecords, describeComparisons }, { defaultPlaces }] = await Promise.all([
    import('../experiments/compare-records.js'),
    import('../experiments/places.js'),
  ]);
  const comparisons = await compareWithRecords(units, places, defaultPlaces());
  return { comparisons, text: describeComparisons('evaluations measured anew', comparisons) };
};

/** @throws UserError where a flag is given that the listing of a plan makes no use of */
export const checkPlanFlags = ({ dryRun, json, jobs }: Pick<Flags, 'dryRun' | 'json' | 'jobs'>): void => {
  if (dryRun && json && jobs !== undefined) {
    throw new UserError('--jobs changes how long a plan takes, which --json does not tell: leave one of them out.');
  }
};

/** Says what failed, and has the command end with 1. */
export const reportFailures = (failures: readonly { readonly name: string; readonly reason: string }[]): void => {
  if (failures.length === 0) return;
  throw new UserError(
    `${failures.length} trainings are not whole:\n${failures.map(({ name, reason }) => `  ${name}: ${reason}`).join('\n')}\n` +
      'The same command runs them again.',
  );
};
