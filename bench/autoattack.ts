import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa, ExecaError } from 'execa';
import { autoAttack } from '../src/attacks/auto-attack.js';
import { loadCheckpoint } from '../src/checkpoints/checkpoint.js';
import { importTorch } from '../src/checkpoints/import-torch.js';
import { restoreNetwork } from '../src/checkpoints/network-checkpoint.js';
import type { ImageSet } from '../src/data/records.js';
import '../src/engine/backend.js';
import { UserError } from '../src/errors.js';
import { evaluate } from '../src/evaluation/evaluate.js';
import { checkpointInterrupt, interruptSignal } from '../src/interruption.js';
import type { Progress } from '../src/progress.js';
import { autoAttackName, autoAttackStride, type AutoAttackCase } from './autoattack-cases.js';
import { createAwakeClock, type AwakeClock } from './awake-clock.js';

/** What is left after a stage, and what the stage took. The first one, `clean`, classifies the images and checks the network. */
export interface StageRun {
  readonly name: string;
  readonly correct: number;
  readonly seconds: number;
  readonly processorSeconds: number;
}

/** One side's run of AutoAttack: of all that comes after the network and the images are in memory. */
export interface AutoAttackRun {
  readonly stages: readonly StageRun[];
  /** Without the time that the processes were stopped. */
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly pausedSeconds: number;
  /** 1 for an image that is right in the end, else 0. */
  readonly outcome: readonly number[];
  readonly warnings: readonly string[];
  /** The share of the machine's processor time that other processes took meanwhile. */
  readonly othersShare: number;
}

/** Fewer steps, for a trial: that it works is seen, how quick it is is not. */
export interface Trial {
  readonly images: number;
  readonly iterations: number;
  readonly queries: number;
}

export interface AutoAttackOptions {
  /** Folder of the checkpoints. */
  readonly checkpoints: string;
  /** CIFAR-10's test images. */
  readonly set: ImageSet;
  readonly threads: number;
  readonly trial?: Trial | undefined;
  readonly progress: Progress;
}

export interface Reference {
  /** A Python that has torch. */
  readonly python: string;
  /** A copy of github.com/fra31/auto-attack. */
  readonly folder: string;
}

/** Images that both sides hold in a batch. */
export const autoAttackBatch = 256;

const script = fileURLToPath(new URL('autoattack_side.py', import.meta.url));

const radius = (quotient: string): number => {
  const [numerator, denominator] = quotient.split('/').map(Number) as [number, number];
  return numerator / denominator;
};

const processorSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** A run of `work`, with the share of the machine that others took beside it. */
const watched = async <R extends { readonly processorSeconds: number }>(
  work: (clock: AwakeClock) => Promise<R>,
): Promise<R & { readonly othersShare: number }> => {
  const clock = await createAwakeClock();
  try {
    const start = { seconds: clock.seconds(), busy: clock.busySeconds() };
    const run = await work(clock);
    const others = clock.busySeconds() - start.busy - run.processorSeconds;
    return { ...run, othersShare: Math.max(0, others) / (cpus().length * (clock.seconds() - start.seconds)) };
  } finally {
    await clock.dispose();
  }
};

const withTemporaryFolder = async <R>(work: (folder: string) => Promise<R>): Promise<R> => {
  const folder = await mkdtemp(join(tmpdir(), 'ciard-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const checkpointOf = ({ checkpoint }: AutoAttackCase, { checkpoints }: AutoAttackOptions): string =>
  join(checkpoints, checkpoint);

/** Why a case can't be run; nothing where it can. */
export const missing = (each: AutoAttackCase, checkpoints: string): string | undefined =>
  existsSync(join(checkpoints, each.checkpoint))
    ? undefined
    : `there is no ${each.checkpoint} in ${checkpoints} (--checkpoints names the folder that has it)`;

const indicesOf = ({ images }: AutoAttackCase, { trial }: AutoAttackOptions): Uint32Array =>
  Uint32Array.from({ length: trial?.images ?? images }, (_, i) => autoAttackStride * i);

/**
 * Our side, in this process: TensorFlow, the network and the images are in memory before the clock starts, as on the
 * other side; that programs are recorded is part of the time.
 */
export const runOurs = (each: AutoAttackCase, options: AutoAttackOptions): Promise<AutoAttackRun> =>
  withTemporaryFolder(async (folder) => {
    const { architecture, normalisation } = each;
    const out = join(folder, 'network.safetensors');
    await importTorch(checkpointOf(each, options), { architecture, normalisation, out });
    const { network, weights } = restoreNetwork(await loadCheckpoint(out));
    const { set, trial, progress } = options;
    const attack = autoAttack({ epsilon: radius(each.epsilon), ...trial });
    const stages: StageRun[] = [];
    const warnings: string[] = [];
    try {
      return await watched(async (clock) => {
        const now = () => ({ seconds: clock.seconds(), processorSeconds: processorSeconds() });
        const start = now();
        let last = start;
        const { attacks } = await evaluate({
          network,
          weights,
          set,
          indices: indicesOf(each, options),
          attacks: [attack],
          batchSize: autoAttackBatch,
          progress: (event) => {
            progress({ ...event, task: `${autoAttackName(each)} ours, ${event.task}` });
          },
          warn: (message) => warnings.push(message),
          onOutcome(name, { correct }) {
            // The sequence itself is told after its last stage.
            if (name === attack.name) return;
            const { seconds, processorSeconds: used } = now();
            stages.push({
              name: name.replace(`${attack.name} `, ''),
              correct,
              seconds: seconds - last.seconds,
              processorSeconds: used - last.processorSeconds,
            });
            last = { seconds, processorSeconds: used };
          },
        });
        const end = now();
        return {
          stages,
          seconds: end.seconds - start.seconds,
          processorSeconds: end.processorSeconds - start.processorSeconds,
          pausedSeconds: clock.pausedSeconds(),
          outcome: Array.from(attacks[attack.name]!.outcome),
          warnings,
        };
      });
    } finally {
      for (const tensor of Object.values(weights)) tensor.dispose();
    }
  });

/** The images as a file of records, one after the other. */
const recordsOf = ({ pixels, labels, height, width }: ImageSet, indices: Uint32Array): Uint8Array => {
  const size = 3 * height * width;
  const records = new Uint8Array(indices.length * (1 + size));
  indices.forEach((index, i) => {
    records[i * (1 + size)] = labels[index]!;
    records.set(pixels.subarray(index * size, (index + 1) * size), i * (1 + size) + 1);
  });
  return records;
};

type Answer = Omit<AutoAttackRun, 'othersShare'>;

/**
 * The reference's side, in a process of its own, on the same images.
 * @throws UserError where it fails
 */
export const runReference = (
  each: AutoAttackCase,
  { python, folder: copy }: Reference,
  options: AutoAttackOptions,
): Promise<AutoAttackRun> =>
  withTemporaryFolder(async (folder) => {
    await checkpointInterrupt();
    const { set, threads, trial, progress } = options;
    const indices = indicesOf(each, options);
    const records = join(folder, 'records.bin');
    await writeFile(records, recordsOf(set, indices));
    const task = `${autoAttackName(each)} reference`;
    let stage = 0;
    progress({ task, done: stage, total: 5 });
    const run = execa(
      python,
      [
        ...[
          script,
          copy,
          checkpointOf(each, options),
          '--network',
          each.network,
          '--records',
          records,
          '--stride',
          '1',
        ],
        ...['--epsilon', each.epsilon, '--images', String(indices.length), '--batch', String(autoAttackBatch)],
        ...['--threads', String(threads)],
        ...(trial ? ['--iterations', String(trial.iterations), '--queries', String(trial.queries)] : []),
      ],
      {
        cancelSignal: interruptSignal(),
        env: { OMP_NUM_THREADS: String(threads) },
        stderr: [
          'pipe',
          function* (line: unknown) {
            if (/^(initial accuracy|robust accuracy after)/.test(String(line))) {
              progress({ task, done: ++stage, total: 5, detail: String(line) });
            }
            yield line;
          },
        ],
      },
    );
    const answer = watched(async () => {
      const {
        stages,
        seconds,
        processorSeconds: used,
        pausedSeconds,
        outcome,
        warnings,
      } = JSON.parse((await run).stdout) as Answer;
      return { stages, seconds, processorSeconds: used, pausedSeconds, outcome, warnings };
    });
    return await answer.catch(async (error: unknown) => {
      await checkpointInterrupt();
      if (!(error instanceof ExecaError)) throw error;
      const reason = String(error.stderr).trim().split('\n').at(-1) ?? '';
      throw new UserError(`the reference's AutoAttack fails (${reason || error.shortMessage}).`);
    });
  });
