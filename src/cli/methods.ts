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
      const { textOfTable } = await import('../tables/text.js');
      const table = textOfTable({
        columns: ['method', 'title', 'teachers', 'source'].map((heading) => ({ title: heading })),
        rows: methods.map(({ name, title, source, teachers }) => [
          name,
          title,
          Object.keys(teachers).join(' + ') || '–',
          source,
        ]),
      });
      process.stdout.write(`${table}\n`);
    });
};
