import type { Command } from 'commander';
import type { ScaleName } from '../experiments/scale.js';
import { scaleOption } from './cell.js';

interface Flags {
  readonly scale: ScaleName;
  readonly data?: string;
  readonly json?: boolean;
}

/** `ciard claims`: what the records say of each claim of the paper. */
export const add = (program: Command): void => {
  program
    .command('claims')
    .description('say of each claim of the paper what the records show: supported, contradicted or undecided')
    .addOption(scaleOption())
    .option('--data <name>', "the data set (default: the scale's first)")
    .option('--json', 'print the verdicts as JSON')
    .action(async ({ scale, data, json = false }: Flags) => {
      const [{ parseDatasetName }, { verdicts }, { defaultPlaces }, { settingOf }, { textOfTable }] = await Promise.all(
        [
          import('../data/datasets.js'),
          import('../experiments/claims.js'),
          import('../experiments/places.js'),
          import('../experiments/setting.js'),
          import('../tables/text.js'),
        ],
      );
      const setting = await settingOf(scale, { data: data === undefined ? undefined : parseDatasetName(data) });
      const found = await verdicts(setting, defaultPlaces());
      if (json) {
        process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
        return;
      }
      const interval = (value: readonly [number, number] | null): string =>
        value ? `${(100 * value[0]).toFixed(2)} … ${(100 * value[1]).toFixed(2)}` : '–';
      const table = textOfTable({
        columns: ['claim', 'verdict', 'interval', 'table', ''].map((title) => ({ title })),
        rows: found.map(({ claim, text, verdict, interval: of, table: by }) => [
          String(claim),
          verdict,
          interval(of),
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
