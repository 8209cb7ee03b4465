import type { Command } from 'commander';

export const add = (program: Command): void => {
  program
    .command('models')
    .description('list the networks: families of names, and an example of each with its parameters')
    .option('--json', 'print the list as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const [{ families }, { createNetwork }] = await Promise.all([
        import('../models/catalogue.js'),
        import('../models/network.js'),
      ]);
      const entries = families.map(({ names, example }) => {
        const { parameters, classes, imageSize } = createNetwork(example);
        return { names, example, parameters, classes, imageSize };
      });
      if (json) {
        process.stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
        return;
      }
      const { textOfTable } = await import('../tables/text.js');
      const table = textOfTable({
        columns: [{ title: 'names' }, { title: 'example' }, { title: 'its parameters', align: 'right' }],
        rows: entries.map(({ names, example, parameters }) => [names, example, parameters.toLocaleString('en')]),
        notes: [
          'Depths are 6n + 4 for wrn and 6n + 2 for cifar-resnet. Each takes a width multiplier, any number of classes, and',
          'images of 32 × 32 or 64 × 64 pixels; the parameters are those for 10 classes at width 1.',
        ],
      });
      process.stdout.write(`${table}\n`);
    });
};
