import { existsSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { InterruptedError, messageOf, UserError } from '../src/errors.js';
import { checkpointInterrupt, setInterruptSignal } from '../src/interruption.js';
import { terminalProgress } from '../src/progress.js';
import { benchCases, caseName } from './cases.js';
import { interleave } from './interleave.js';
import { type BenchRow, rowOf, table } from './report.js';
import { startTorchWorker } from './torch-worker.js';

interface BenchOptions {
  readonly python?: string;
  readonly json?: string;
  readonly only: readonly string[];
  readonly repeats: number;
  readonly threads: number;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('A whole number of at least 1 is wanted.');
  return value;
};

const bench = async ({ python, json, only, repeats, threads }: BenchOptions): Promise<void> => {
  const chosen = benchCases.filter(
    (each) => only.length === 0 || only.some((filter) => caseName(each).includes(filter)),
  );
  if (chosen.length === 0) {
    throw new UserError(
      `--only ${only.join(' ')}: matches none of\n${benchCases.map((each) => `  ${caseName(each)}`).join('\n')}`,
    );
  }
  if (json !== undefined && !existsSync(dirname(resolve(json)))) {
    throw new UserError(`--json ${json}: there is no folder ${dirname(resolve(json))}.`);
  }
  // Read by TensorFlow when it loads. Both sides run on the processor, also where there is a GPU.
  process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['TF_NUM_INTEROP_THREADS'] = String(threads);
  const worker = python === undefined ? undefined : await startTorchWorker(python, threads);
  try {
    const { oursInformation, oursSide } = await import('./ours.js');
    const environment = {
      processor: cpus()[0]?.model ?? 'unknown',
      processors: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      load: loadavg()[0]!,
      threads,
      ...oursInformation(),
      pytorch: worker?.information ?? null,
    };
    process.stdout.write(
      `${environment.processor}, ${environment.processors} processors, ${environment.memoryGiB} GiB, load ${environment.load.toFixed(2)}; ${threads} threads\n` +
        `ours: Node ${environment.node}, TensorFlow ${environment.tensorflow}\n` +
        (worker
          ? `PyTorch: ${worker.information.torch}, ${worker.information.capability}, Python ${worker.information.python}\n`
          : 'PyTorch: not measured (--python PATH names a Python that has torch)\n'),
    );
    const sides = [oursSide(), ...(worker ? [worker.side('nchw'), worker.side('channels_last')] : [])];
    const progress = terminalProgress();
    const rows: BenchRow[] = [];
    for (const each of chosen) {
      const task = caseName(each);
      progress({ task, done: 0, total: repeats });
      rows.push(
        rowOf(
          each,
          await interleave(each, sides, {
            rounds: repeats,
            beforeTurn: checkpointInterrupt,
            onRound: (done) => {
              progress({ task, done, total: repeats });
            },
          }),
        ),
      );
    }
    process.stdout.write(`${table(rows)}\n`);
    if (json !== undefined) {
      writeFileSync(json, `${JSON.stringify({ measured: new Date().toISOString(), environment, rows }, null, 2)}\n`);
    }
  } finally {
    worker?.stop();
  }
};

const program = new Command('npm run bench --')
  .description(
    "Times this project's steps, beside PyTorch's where a Python that has it is named, in one interleaved run.",
  )
  .option('--python <path>', 'a Python that has torch')
  .option('--json <file>', 'write the measurements to this file')
  .option('--only <filter...>', 'only cases whose name holds one of these: attack-step/resnet18/32, training, /128', [])
  .option('--repeats <n>', 'turns that each side has', positive, 5)
  .option('--threads <n>', 'threads of each side', positive, 2)
  .exitOverride();

const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort();
});
setInterruptSignal(interrupted.signal);

try {
  await bench(program.parse().opts<BenchOptions>());
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof InterruptedError) {
    process.exitCode = 130;
  } else {
    process.stderr.write(
      `bench: ${error instanceof UserError ? error.message : error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
    );
    process.exitCode = error instanceof UserError ? 2 : 1;
  }
}
