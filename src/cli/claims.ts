import type { Command } from 'commander';
import type { Precision } from '../engine/precision.js';
import { UserError } from '../errors.js';
import type { ScaleName } from '../experiments/scale-names.js';
import { precisionOption, scaleOption } from './cell.js';

interface Flags {
  readonly scale: ScaleName;
  readonly data?: string;
  readonly precision: Precision;
  readonly json?: boolean;
  readonly write?: boolean;
}

/** `ciard claims`: what the records say of each claim of the paper. */
export const add = (program: Command): void => {
  program
    .command('claims')
    .description('say of each claim of the paper what the records show: supported, contradicted or undecided')
    .addOption(scaleOption())
    .option('--data <name>', "the data set (default: the scale's first)")
    .addOption(precisionOption())
    .option('--json', 'print the verdicts as JSON')
    .option('--write', 'write results/README.md: the verdicts at every scale of which there are records')
    .action(async ({ scale, data, precision, json = false, write = false }: Flags, command: Command) => {
      if (write) {
        const ignored = ['scale', 'data', 'precision', 'json'].filter(
          (name) => command.getOptionValueSource(name) === 'cli',
        );
        if (ignored.length > 0) {
          throw new UserError(
            `--write is of every scale, data set and precision: leave --${ignored.join(' and --')} out.`,
          );
        }
        const [{ writeReadme }, { defaultPlaces }] = await Promise.all([
          import('../experiments/readme.js'),
          import('../experiments/places.js'),
        ]);
        process.stdout.write(`${await writeReadme(defaultPlaces())}\n`);
        return;
      }
      const [{ parseDatasetName }, { verdicts }, { defaultPlaces }, { intervalText }, { settingOf }, { textOfTable }] =
        await Promise.all([
          import('../data/datasets.js'),
          import('../experiments/claims.js'),
          import('../experiments/places.js'),
          import('../experiments/comparison-table.js'),
          import('../experiments/setting.js'),
          import('../tables/text.js'),
        ]);
      const setting = await settingOf(scale, {
        data: data === undefined ? undefined : parseDatasetName(data),
        precision,
      });
      const found = await verdicts(setting, defaultPlaces());
      if (json) {
        process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
        return;
      }
      const table = textOfTable({
        columns: ['claim', 'verdict', 'interval', 'table', ''].map((title) => ({ title })),
        rows: found.map(({ claim, text, verdict, interval: of, table: by, decidedBy }) => [
          String(claim),
          { text: verdict, detail: decidedBy === null ? 'nothing is measured' : undefined },
          intervalText(of),
          by,
          text,
        ]),
        notes: [
          'Intervals in points (of the comparison that decides the verdict), at 95 % with Holm’s correction within a claim.',
        ],
      });
      process.stdout.write(`${table}\n`);
    });
};
