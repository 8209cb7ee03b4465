import type { Command } from 'commander';

export const add = (program: Command): void => {
  program
    .command('attacks')
    .description('list the attacks by the names that "evaluate --attacks" takes')
    .option('--json', 'print the list as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { attackEntries } = await import('../attacks/catalogue.js');
      const entries = [
        { names: 'clean', title: 'no attack: the images as they are' },
        ...attackEntries.map(({ names, title }) => ({ names, title })),
      ];
      if (json) {
        process.stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
        return;
      }
      const width = Math.max(...entries.map(({ names }) => names.length));
      for (const { names, title } of entries) process.stdout.write(`${names.padEnd(width)}  ${title}\n`);
      const { stageNames } = await import('../attacks/auto-attack.js');
      process.stdout.write(`stages: ${stageNames.join(', ')}\n`);
    });
};
