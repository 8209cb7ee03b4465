import type { Command } from 'commander';
import { chosenTables, type SettingFlags } from './chosen-tables.js';
import { precisionOption, replicates, scaleOption } from './cell.js';

interface Flags extends SettingFlags {
  readonly json?: boolean;
}

/** `ciard status`: how tables stand, on this machine and on a cluster. */
export const add = (program: Command): void => {
  program
    .command('status')
    .description('what of tables is done, runs, waits or has stopped and why, and what it cost')
    .argument('[table]', 'one table; all of the scale by default')
    .addOption(scaleOption())
    .option('--data <name>', "the data set (default: the scale's first)")
    .option('--seeds <n>', 'replicates 0 … n − 1 (default: those of the scale)', replicates)
    .addOption(precisionOption())
    .option('--json', 'print it as JSON')
    .action(async (name: string | undefined, flags: Flags) => {
      const { json = false } = flags;
      const [{ defaultPlaces }, { unitsOfTables }, { readStatus }] = await Promise.all([
        import('../experiments/places.js'),
        import('../experiments/table.js'),
        import('../slurm/status.js'),
      ]);
      const { chosen, setting } = await chosenTables(name, flags);
      const { units, queue } = await readStatus(unitsOfTables(chosen, setting, undefined), defaultPlaces());
      if (json) {
        process.stdout.write(`${JSON.stringify({ slurm: queue, units }, null, 2)}\n`);
        return;
      }
      const { textOfTable } = await import('../tables/text.js');
      const count = (state: string): number => units.filter((unit) => unit.state === state).length;
      const hours = units.reduce((sum, { seconds }) => sum + seconds, 0) / 3600;
      const table = textOfTable({
        columns: [
          { title: 'training' },
          { title: 'state' },
          { title: 'cells', align: 'right' },
          { title: 'processor h', align: 'right' },
          { title: '' },
        ],
        rows: units.map(({ name: title, state, done, cells, seconds, detail }) => [
          title,
          state,
          `${done} of ${cells}`,
          (seconds / 3600).toFixed(2),
          detail,
        ]),
      });
      const states = ['done', 'running', 'waiting', 'stopped', 'in part', 'not begun'];
      process.stdout.write(
        `${table}\n${states.map((state) => `${count(state)} ${state}`).join(', ')}; ${hours.toFixed(2)} processor hours` +
          `${queue ? '' : '; no SLURM answers here, so what runs is not known'}\n`,
      );
    });
};
