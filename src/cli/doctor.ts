import type { Command } from 'commander';

export const add = (program: Command): void => {
  program
    .command('doctor')
    .description('say what this checkout computes with, and what is wrong with it (exit code 1 where something is)')
    .option('--json', 'print the report as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const [{ examine }, { doctorTable }, { textOfTable }] = await Promise.all([
        import('../doctor/report.js'),
        import('../views/doctor-report.js'),
        import('../tables/text.js'),
      ]);
      const report = await examine();
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${textOfTable(doctorTable(report))}\n`);
      if (report.problems.length > 0) process.exitCode = 1;
    });
};
