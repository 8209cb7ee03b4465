import { existsSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { checkWritable, writeAtomically } from '../src/atomic-write.js';
import { precisions, type Precision } from '../src/engine/precision.js';
import { InterruptedError, messageOf, UserError } from '../src/errors.js';
import { reportText } from '../src/evaluation/report.js';
import { checkpointInterrupt, setInterruptSignal } from '../src/interruption.js';
import { terminalProgress } from '../src/progress.js';
import { allowClosedPipes } from '../src/setup/closed-pipes.mjs';
import { autoAttackCases, autoAttackName, type AutoAttackCase } from './autoattack-cases.js';
import { autoAttackLines, autoAttackRow, type AutoAttackRow } from './autoattack-report.js';
import { benchCases, caseName } from './cases.js';
import { interleave } from './interleave.js';
import type { Survival } from './kernels.js';
import { type BenchRow, rowOf, table } from './report.js';
import { startTorchWorker, torchWays } from './torch-worker.js';
import type { startPair } from './two-processes.js';

interface BenchOptions {
  readonly python?: string;
  readonly autoAttack?: string;
  readonly checkpoints: string;
  readonly data: string;
  readonly trial?: boolean;
  readonly out?: string;
  readonly only: readonly string[];
  readonly repeats: number;
  readonly threads: number;
  readonly twoProcesses?: boolean;
  readonly precision: Precision;
  readonly kernels?: boolean;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('A whole number of at least 1 is wanted.');
  return value;
};

const withoutReference =
  'AutoAttack: the reference is not measured (--auto-attack PATH names a copy of github.com/fra31/auto-attack)';

/** The reference material that may lie beside the checkout; CIARD_SHARED names another place. */
const shared = process.env['CIARD_SHARED'] ?? fileURLToPath(new URL('../../shared', import.meta.url));

/** A trial of AutoAttack: seconds, in place of minutes. */
const trialSize = { images: 16, iterations: 3, queries: 20 };

/** AutoAttack on the published networks, a side at a time, and the cases that can't be run, with the reason. */
const benchAutoAttack = async (
  cases: readonly AutoAttackCase[],
  { python, autoAttack: folder, checkpoints, data, trial, threads }: BenchOptions,
  save: (rows: readonly AutoAttackRow[]) => Promise<void>,
): Promise<void> => {
  const { autoAttackBatch, missing, runOurs, runReference } = await import('./autoattack.js');
  const { loadPart } = await import('../src/data/datasets.js');
  const skip = (each: AutoAttackCase, reason: string): void => {
    process.stdout.write(`${autoAttackName(each)}: left out, ${reason}\n`);
  };
  const possible = cases.filter((each) => {
    const reason = missing(each, checkpoints);
    if (reason !== undefined) skip(each, reason);
    return reason === undefined;
  });
  if (possible.length === 0) return;
  const set = await loadPart(data, 'test').catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    for (const each of possible) skip(each, error.message);
    return undefined;
  });
  if (!set) return;
  if (set.name !== 'cifar10') throw new UserError(`--data ${data}: it is ${set.name}, but cifar10 is wanted.`);
  const options = {
    checkpoints,
    set,
    threads,
    trial: trial ? trialSize : undefined,
    progress: terminalProgress(),
  };
  const rows: AutoAttackRow[] = [];
  for (const each of possible) {
    const ours = await runOurs(each, options);
    // A run takes minutes: what is measured is kept at once, whatever becomes of the rest.
    const alone = autoAttackRow(each, autoAttackBatch, ours, undefined);
    await save([...rows, alone]);
    process.stdout.write(`${autoAttackLines(alone)}\n`);
    if (python === undefined || folder === undefined) {
      rows.push(alone);
      continue;
    }
    // Ours waits meanwhile: the two never run at the same time.
    const row = autoAttackRow(each, autoAttackBatch, ours, await runReference(each, { python, folder }, options));
    rows.push(row);
    await save(rows);
    process.stdout.write(`${autoAttackLines(row)}\n`);
  }
};

/** The notebook kernels beside one another: an own run, with a file of its own. */
const benchKernels = async ({ python, repeats, out }: BenchOptions): Promise<void> => {
  const file = out ?? fileURLToPath(new URL('../results/bench/kernels.json', import.meta.url));
  await checkWritable(file);
  const { findKernels, kernelTables, surviveKernels, timeImports, timeKernels } = await import('./kernels.js');
  const { kernels, absent } = findKernels();
  for (const name of absent) process.stdout.write(`left out: ${name}\n`);
  const progress = terminalProgress();
  const times = await timeKernels(kernels, repeats, (done) => {
    progress({ task: 'kernels: times', done, total: repeats });
  });
  const imports = await timeImports(python, repeats);
  const environment = { processor: cpus()[0]?.model ?? 'unknown', processors: cpus().length, load: loadavg()[0]! };
  const measured = new Date().toISOString();
  // What is measured is kept at once, whatever becomes of the rest.
  const save = (survival: Survival): Promise<void> =>
    writeAtomically(file, [
      `${JSON.stringify({ measured, environment, absent, times, imports, survival }, null, 2)}\n`,
    ]);
  await save({});
  const survival = await surviveKernels(kernels, async (found, done, total) => {
    progress({ task: 'kernels: survival', done, total });
    await save(found);
  });
  process.stdout.write(`${kernelTables(times, imports, survival)}\n`);
  if (python === undefined)
    process.stdout.write('import torch: not measured (--python PATH names a Python that has it)\n');
};

const bench = async (options: BenchOptions, isGiven: (flag: keyof BenchOptions) => boolean): Promise<void> => {
  if (options.kernels) {
    await benchKernels(options);
    return;
  }
  const { python, autoAttack, out, only, repeats, threads, trial, twoProcesses, precision } = options;
  const isChosen = (name: string): boolean => only.length === 0 || only.some((filter) => name.includes(filter));
  const chosen = benchCases.filter((each) => isChosen(caseName(each)));
  const attacks = autoAttackCases.filter((each) => isChosen(autoAttackName(each)));
  if (chosen.length + attacks.length === 0) {
    const names = [...benchCases.map(caseName), ...autoAttackCases.map(autoAttackName)];
    throw new UserError(`--only ${only.join(' ')}: matches none of\n${names.map((name) => `  ${name}`).join('\n')}`);
  }
  // It takes minutes: beside the steps it is measured where it has been asked for.
  const attacking = attacks.length > 0 && (autoAttack !== undefined || only.length > 0);
  for (const [flag, text] of [
    ['autoAttack', '--auto-attack'],
    ['checkpoints', '--checkpoints'],
    ['data', '--data'],
    ['trial', '--trial'],
  ] as const) {
    if (isGiven(flag) && !attacking) {
      throw new UserError(`${text} is given, but AutoAttack is not asked for (--only autoattack). Leave it out.`);
    }
  }
  if (isGiven('repeats') && chosen.length === 0) {
    throw new UserError('--repeats is given, but AutoAttack, which is all that is asked for, runs once. Leave it out.');
  }
  if (out !== undefined) await checkWritable(out);
  if (autoAttack !== undefined && python === undefined) {
    throw new UserError('--auto-attack is given without --python, the Python that has torch and runs it.');
  }
  if (autoAttack !== undefined && !existsSync(join(autoAttack, 'autoattack', 'autoattack.py'))) {
    throw new UserError(
      `--auto-attack ${autoAttack}: no copy of github.com/fra31/auto-attack (autoattack/autoattack.py is missing).`,
    );
  }
  // Read by TensorFlow when it loads. Both sides run on the processor, also where there is a GPU.
  process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['TF_NUM_INTEROP_THREADS'] = String(threads);
  const worker = python === undefined ? undefined : await startTorchWorker(python, threads);
  let pair: ReturnType<typeof startPair> | undefined;
  try {
    const { arithmeticOf, matrixProductSpeed, oursInformation, oursSide } = await import('./ours.js');
    const speed = matrixProductSpeed();
    const environment = {
      processor: cpus()[0]?.model ?? 'unknown',
      processors: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      load: loadavg()[0]!,
      threads,
      matrixProductGflops: speed / 1e9,
      ...oursInformation(),
      pytorch: worker?.information ?? null,
    };
    process.stdout.write(
      `${environment.processor}, ${environment.processors} processors, ${environment.memoryGiB} GiB, load ${environment.load.toFixed(2)}; ${threads} threads\n` +
        `ours: Node ${environment.node}, TensorFlow ${environment.tensorflow}; matrix products ${(speed / 1e9).toFixed(0)} GFLOP/s\n` +
        (worker
          ? `PyTorch: ${worker.information.torch}, ${worker.information.capability}, Python ${worker.information.python}\n`
          : 'PyTorch: not measured (--python PATH names a Python that has torch)\n'),
    );
    const progress = terminalProgress();
    const rows: BenchRow[] = [];
    const save = async (attacked: readonly AutoAttackRow[]): Promise<void> => {
      if (out === undefined) return;
      const report = { measured: new Date().toISOString(), environment, rows, autoattack: attacked };
      await writeAtomically(out, [reportText(report)]);
    };
    if (twoProcesses && chosen.length > 0) pair = (await import('./two-processes.js')).startPair(precision);
    for (const each of chosen) {
      // The limits of full-size networks are against PyTorch as the published code runs it.
      const ways = torchWays({ compile: each.limitBest !== null, autocast: precision === 'bf16' });
      const sides = [
        oursSide(precision),
        ...(pair ? [pair.side] : []),
        ...(worker ? ways.map((way) => worker.side(way)) : []),
      ];
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
          { operations: arithmeticOf(each), speed, precision },
        ),
      );
      // A row takes minutes: what is measured is kept at once, whatever becomes of the rest.
      await save([]);
    }
    if (rows.length > 0) process.stdout.write(`${table(rows)}\n`);
    await save([]);
    if (attacks.length > 0) {
      if (attacking) {
        if (trial) process.stdout.write('AutoAttack: a trial; its times and outcomes say nothing\n');
        if (autoAttack === undefined) process.stdout.write(`${withoutReference}\n`);
        await benchAutoAttack(attacks, options, save);
      } else {
        process.stdout.write(`${withoutReference}\n`);
      }
    }
  } finally {
    await pair?.stop();
    worker?.stop();
  }
};

const program = new Command('npm run bench --')
  .description(
    "Times this project's steps, beside PyTorch's where a Python that has it is named, in one interleaved run.",
  )
  .option('--python <path>', 'a Python that has torch')
  .option(
    '--auto-attack <folder>',
    'a copy of github.com/fra31/auto-attack: AutoAttack on 256 images of published networks, minutes each',
  )
  .option('--checkpoints <folder>', "AutoAttack's networks", join(shared, 'checkpoints'))
  .option('--data <name>', 'cifar10, or a folder that holds it', 'cifar10')
  .option('--trial', 'AutoAttack on few images with few steps: to see that it works')
  .option('--out <file>', 'write the measurements to this file')
  .option(
    '--only <filter...>',
    'only cases whose name holds one of these: attack-step/resnet18/32, training, autoattack',
    [],
  )
  .option('--repeats <n>', 'turns that each side has', positive, 5)
  .option('--kernels', 'notebook kernels in place of steps: times, memory, and what cells can do to them')
  .option('--threads <n>', 'threads of each side', positive, 2)
  .option('--two-processes', 'a side more: this project in two processes of one thread each')
  .addOption(
    new Option('--precision <precision>', "of this project's side; bf16: PyTorch runs by autocast, too")
      .choices(precisions)
      .default('float32'),
  )
  .exitOverride();

allowClosedPipes();
const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort();
});
setInterruptSignal(interrupted.signal);

try {
  program.parse();
  await bench(program.opts<BenchOptions>(), (flag) => program.getOptionValueSource(flag) === 'cli');
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
