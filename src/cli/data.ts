import { join } from 'node:path';
import type { Command } from 'commander';
import type { DatasetName } from '../data/names.js';
import type { Manifest } from '../data/manifest.js';

const printJson = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
};

const reportImport = async (name: DatasetName, { train, test, classes }: Manifest, json: boolean): Promise<void> => {
  const [{ datasetInfo }, { dataRoot }] = await Promise.all([
    import('../data/datasets.js'),
    import('../data/location.js'),
  ]);
  const folder = join(dataRoot(), name);
  const { trainRecords, testRecords } = datasetInfo(name);
  const whole = train.records === trainRecords && test.records === testRecords;
  if (json) {
    printJson({ dataset: name, folder, whole, classes: classes.length, train, test });
    return;
  }
  const part = whole ? '' : ` (a part of the whole set's ${trainRecords} and ${testRecords})`;
  process.stdout.write(
    `${name}: ${train.records} training and ${test.records} test images of ${classes.length} classes${part} in ${folder}\n` +
      `train.bin ${train.md5}\ntest.bin  ${test.md5}\n`,
  );
};

export const add = (program: Command): void => {
  const data = program.command('data').description('get, list and prove the data sets');

  data
    .command('list')
    .description('list the data sets: what is here, and how to get the others')
    .option('--json', 'print the list as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { inventory } = await import('../data/inventory.js');
      const entries = await inventory();
      if (json) {
        printJson(entries);
        return;
      }
      const { textOfTable } = await import('../tables/text.js');
      const table = textOfTable({
        columns: ['data set', 'state', 'images', 'classes', 'pixels', ''].map((title) => ({ title })),
        rows: entries.map(({ dataset, state, train, test, classes, height, width, message }) => [
          dataset,
          state,
          `${train} + ${test}`,
          `${classes} classes`,
          `${height} × ${width}`,
          message,
        ]),
      });
      process.stdout.write(`${table}\n`);
    });

  data
    .command('import')
    .description('make a data set of its official archive or its unpacked folder')
    .argument('<dataset>', 'cifar10, cifar100, tiny-imagenet or synthetic')
    .argument('[path]', 'archive (tar.gz, tar, zip) or folder; synthetic is made and takes none')
    .option('--json', 'print what was imported as JSON')
    .action(async (dataset: string, path: string | undefined, { json = false }: { json?: boolean }) => {
      const [{ parseDatasetName }, { importDataset }, { terminalProgress }] = await Promise.all([
        import('../data/datasets.js'),
        import('../data/import.js'),
        import('../progress.js'),
      ]);
      const name = parseDatasetName(dataset);
      await reportImport(name, await importDataset(name, path, { progress: terminalProgress() }), json);
    });

  data
    .command('fetch')
    .description('download a data set from its official address and import it; an interrupted download is continued')
    .argument('<dataset>', 'cifar10, cifar100, tiny-imagenet or synthetic')
    .option('--url <address...>', 'take the archive from here instead (a mirror)')
    .option('--md5 <hash>', 'MD5 that the archive must have')
    .option('--keep', 'keep the archive after the import')
    .option('--json', 'print what was imported as JSON')
    .action(
      async (
        dataset: string,
        { url, md5, keep = false, json = false }: { url?: string[]; md5?: string; keep?: boolean; json?: boolean },
      ) => {
        const [{ parseDatasetName }, { fetchDataset }, { terminalProgress }, { UserError }] = await Promise.all([
          import('../data/datasets.js'),
          import('../data/fetch.js'),
          import('../progress.js'),
          import('../errors.js'),
        ]);
        const name = parseDatasetName(dataset);
        if (name === 'synthetic') {
          for (const [flag, given] of Object.entries({ '--url': url, '--md5': md5, '--keep': keep || undefined })) {
            if (given !== undefined)
              throw new UserError(`${flag} is given, but synthetic is made here, not downloaded. Leave it out.`);
          }
        }
        if (md5 !== undefined && !/^[0-9a-f]{32}$/i.test(md5)) {
          throw new UserError(`--md5 '${md5}'; wanted 32 hexadecimal digits`);
        }
        const manifest = await fetchDataset(name, {
          keep,
          progress: terminalProgress(),
          ...(url && { addresses: url }),
          ...(md5 !== undefined && { md5: md5.toLowerCase() }),
        });
        await reportImport(name, manifest, json);
      },
    );

  data
    .command('verify')
    .description('prove through DVC that the data sets are those that data.dvc pins (exit code 1 where one is not)')
    .argument('[datasets...]', 'all of them by default')
    .option('--json', 'print the outcome as JSON')
    .action(async (datasets: string[], { json = false }: { json?: boolean }) => {
      const [{ parseDatasetName, datasetNames }, { verifyData }] = await Promise.all([
        import('../data/datasets.js'),
        import('../dvc/verify.js'),
      ]);
      const names = datasets.length > 0 ? datasets.map(parseDatasetName) : datasetNames;
      const outcome = await verifyData(names);
      if (json) printJson(outcome);
      else {
        const { textOfTable } = await import('../tables/text.js');
        const table = textOfTable({
          columns: ['data set', 'state', ''].map((title) => ({ title })),
          rows: outcome.map(({ dataset, state, message }) => [dataset, state, message]),
        });
        process.stdout.write(`${table}\n`);
      }
      if (outcome.some(({ state }) => state === 'changed')) process.exitCode = 1;
    });
};
