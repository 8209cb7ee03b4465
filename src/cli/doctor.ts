import type { Command } from 'commander';

export const add = (program: Command): void => {
  program
    .command('doctor')
    .description('say what this checkout computes with, and what is wrong with it (exit code 1 where something is)')
    .option('--json', 'print the report as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { examine, reportLines } = await import('../doctor/report.js');
      const report = await examine();
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${reportLines(report).join('\n')}\n`);
      if (report.problems.length > 0) process.exitCode = 1;
    });
};
