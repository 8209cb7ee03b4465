import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { InterruptedError, messageOf, UserError } from '../errors.js';
import { setInterruptSignal } from '../interruption.js';
import { add as attacks } from './attacks.js';
import { add as cell } from './cell.js';
import { add as claims } from './claims.js';
import { add as data } from './data.js';
import { add as doctor } from './doctor.js';
import { add as evaluate } from './evaluate.js';
import { add as exportTorch } from './export-torch.js';
import { firstLook } from './first-look.js';
import { add as gather } from './gather.js';
import { add as importTorch } from './import-torch.js';
import { add as lab } from './lab.js';
import { add as methods } from './methods.js';
import { add as models } from './models.js';
import { add as notebooks } from './notebooks.js';
import { add as pipeline } from './pipeline.js';
import { add as report } from './report.js';
import { add as reproduce } from './reproduce.js';
import { add as status } from './status.js';
import { add as table } from './table.js';
import { add as train } from './train.js';

// One file a command; each adds itself to the program. A command loads what it needs only when it runs, so that `--help`
// and bad flags answer at once.
const commands: ((program: Command) => void)[] = [
  data,
  doctor,
  lab,
  importTorch,
  exportTorch,
  train,
  evaluate,
  attacks,
  models,
  methods,
  notebooks,
  reproduce,
  table,
  claims,
  report,
  cell,
  status,
  gather,
  pipeline,
];

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('ciard')
  .description('Adversarial robustness distillation: train, attack, evaluate, reproduce.')
  .version(version, '--version', 'print the version')
  .option('--trace', 'print the stack trace of an error')
  .showHelpAfterError('(ciard --help lists the commands and their options)')
  .exitOverride();
for (const add of commands) add(program);

// The first Ctrl-C, or a cluster's SIGTERM, asks long work to save and stop; the second ends the process at once.
const interruption = new AbortController();
let interruptedExitCode = 130;
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(code);
    interruptedExitCode = code;
    interruption.abort();
  });
}
setInterruptSignal(interruption.signal);

try {
  if (process.argv.length === 2) process.stdout.write(firstLook);
  else await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof InterruptedError) {
    process.stderr.write(`\nciard: ${error.message}\n`);
    process.exitCode = interruptedExitCode;
  } else {
    const trace = program.opts<{ trace?: boolean }>().trace ?? !(error instanceof UserError);
    process.stderr.write(
      `ciard: ${trace && error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
    );
    process.exitCode = error instanceof UserError ? 2 : 1;
  }
}
