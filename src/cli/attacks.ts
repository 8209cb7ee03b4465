import type { Command } from 'commander';

export const add = (program: Command): void => {
  program
    .command('attacks')
    .description('list the attacks by the names that "evaluate --attacks" takes')
    .option('--json', 'print the list, with every parameter, as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const [{ attackEntries, attackColumn, resolveAttack }, { stageNames }, { textOfTable }] = await Promise.all([
        import('../attacks/catalogue.js'),
        import('../attacks/auto-attack.js'),
        import('../tables/text.js'),
      ]);
      const entries = attackEntries.map(({ names, title, example }) => ({
        names,
        title,
        example,
        column: attackColumn(example),
        parameters: resolveAttack(example).parameters,
      }));
      if (json) {
        process.stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
        return;
      }
      const table = textOfTable({
        columns: [{ title: 'attack' }, { title: 'in tables' }, { title: 'what it does' }],
        rows: entries.map(({ names, column, title }) => [names, column, title]),
        notes: [`Stages of AutoAttack: ${stageNames.join(', ')}.`],
      });
      process.stdout.write(`${table}\n`);
    });
};
