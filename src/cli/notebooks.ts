import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Budget } from '../notebook-runner/execute.js';

interface Flags {
  readonly check?: boolean;
  readonly budget: Budget;
  readonly timeout: number;
  readonly json?: boolean;
}

const seconds = (value: string): number => {
  const number = Number(value);
  if (!(number > 0) || !Number.isFinite(number)) throw new InvalidArgumentError('a positive number is wanted.');
  return number;
};

/** `ciard notebooks`: executes the notebooks without a browser. */
export const add = (program: Command): void => {
  const notebooks = program.command('notebooks').description('execute the notebooks without a browser');
  notebooks
    .command('run')
    .description(
      'execute notebooks from top to bottom, in a kernel and with training runs of their own, and write their outputs ' +
        'into them (exit code 1 where a cell fails: then nothing is written)',
    )
    .argument('[names...]', 'as 00-quickstart; all by default')
    .option('--check', 'write nothing; fail where a cell fails or an output is missing that the file has')
    .addOption(
      new Option('--budget <size>', 'with --check; small: fewer images and epochs, as the tests run them')
        .choices(['full', 'small'])
        .default('full'),
    )
    .option('--timeout <seconds>', 'for each notebook', seconds, 900)
    .option('--json', 'print the reports as JSON')
    .action(async (names: string[], { check = false, budget, timeout, json = false }: Flags) => {
      const [{ findNotebooks, reportLines, runNotebook }, { terminalProgress }, { UserError }] = await Promise.all([
        import('../notebook-runner/run.js'),
        import('../progress.js'),
        import('../errors.js'),
      ]);
      if (budget === 'small' && !check) {
        throw new UserError('--budget small is for --check: the outputs that are written come from a full run.');
      }
      const reports = [];
      for (const file of await findNotebooks(names)) {
        const report = await runNotebook(file, { check, budget, timeout, progress: terminalProgress() });
        reports.push(report);
        if (!json) process.stdout.write(`${reportLines(report).join('\n')}\n`);
      }
      if (json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
      if (reports.some(({ failure, missing }) => failure !== undefined || missing.length > 0)) process.exitCode = 1;
    });
};
