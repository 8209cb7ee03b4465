import type { Command } from 'commander';

export const add = (program: Command): void => {
  program
    .command('methods')
    .description('list the training methods: where each is from, and the teachers that it needs')
    .option('--json', 'print the list, with the published recipes, as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { methods } = await import('../methods/catalogue.js');
      if (json) {
        const records = methods.map(({ name, title, source, teachers, phases = ['train'], recipe }) => ({
          name,
          title,
          source,
          teachers: { clean: teachers.clean ?? null, robust: teachers.robust ?? null },
          phases,
          recipe,
        }));
        process.stdout.write(`${JSON.stringify(records, null, 2)}\n`);
        return;
      }
      const rows = methods.map(({ name, title, source, teachers }) => [
        name,
        title,
        Object.keys(teachers).join(' + ') || '–',
        source,
      ]);
      const table = [['method', 'title', 'teachers', 'source'], ...rows];
      const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
      const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
      process.stdout.write(`${lines.join('\n')}\n`);
    });
};
