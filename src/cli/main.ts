import { Command, CommanderError } from 'commander';
import { messageOf, UserError } from '../errors.js';
import { add as data } from './data.js';
import { add as doctor } from './doctor.js';
import { add as exportTorch } from './export-torch.js';
import { add as importTorch } from './import-torch.js';
import { add as lab } from './lab.js';

// One file a command; each adds itself to the program. A command loads what it needs only when it runs, so that `--help`
// and bad flags answer at once.
const commands: ((program: Command) => void)[] = [data, doctor, lab, importTorch, exportTorch];

const program = new Command('ciard')
  .description('Adversarial robustness distillation: train, attack, evaluate, reproduce.')
  .option('--trace', 'print the stack trace of an error')
  .showHelpAfterError('(ciard --help lists the commands and their options)')
  .exitOverride();
for (const add of commands) add(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const trace = program.opts<{ trace?: boolean }>().trace ?? !(error instanceof UserError);
    process.stderr.write(
      `ciard: ${trace && error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
    );
    process.exitCode = error instanceof UserError ? 2 : 1;
  }
}
