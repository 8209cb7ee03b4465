import { join, resolve } from 'node:path';
import type { Command } from 'commander';

interface Flags {
  readonly out?: string;
  readonly open?: boolean;
  readonly json?: boolean;
  readonly results?: string;
  readonly runs?: string;
}

/** `ciard report`: one page that compares everything that was measured. */
export const add = (program: Command): void => {
  program
    .command('report')
    .description('write a page that compares all runs: tables, figures, claims, an attack to try; it needs no network')
    .option('--out <folder>', 'where index.html goes (default: results/report)')
    .option('--open', 'open it in the browser')
    .option('--json', 'print what was written as JSON')
    .option('--results <folder>', 'where the records are (default: results)')
    .option('--runs <folder>', 'where the weights of trainings are (default: runs/cells)')
    .action(async ({ out, open = false, json = false, results, runs }: Flags) => {
      const [{ checkFolderWritable }, { repositoryRoot }, { defaultPlaces }, { collectReport }] = await Promise.all([
        import('../atomic-write.js'),
        import('../data/location.js'),
        import('../experiments/places.js'),
        import('../report/collect.js'),
      ]);
      const usual = defaultPlaces();
      const places = {
        results: results === undefined ? usual.results : resolve(results),
        runs: runs === undefined ? usual.runs : resolve(runs),
      };
      const folder = out === undefined ? join(usual.results, 'report') : resolve(out);
      await checkFolderWritable(folder);
      const data = await collectReport(places);
      await import('../engine/backend.js');
      const [{ laboratoryOf }, { writeReport }] = await Promise.all([
        import('../report/laboratory.js'),
        import('../report/write.js'),
      ]);
      const laboratory = await laboratoryOf(data.runs, places, { data: 'synthetic', root: repositoryRoot() });
      const { file, bytes } = await writeReport(folder, data, laboratory, places.results);
      if (json) {
        const { networks = [], without = 0 } = laboratory ?? {};
        const written = { file, bytes, runs: data.runs.length, networks: networks.length, withoutWeights: without };
        process.stdout.write(`${JSON.stringify(written, null, 2)}\n`);
      } else process.stdout.write(`${file}\n`);
      if (open) {
        const { openInBrowser } = await import('../report/open.js');
        await openInBrowser(file);
      }
    });
};
