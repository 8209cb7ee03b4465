import { cpus } from 'node:os';
import type { BenchCase } from './cases.js';
import { spread, type Spread } from './statistics.js';
import type { TorchWay } from './torch-worker.js';

/** One case made ready on one side. */
export interface Work {
  /** Runs it `repeats` times and answers the milliseconds of each. */
  run(repeats: number): Promise<number[]>;
  dispose(): Promise<void>;
}

/** Something that can do a case: this project, in one process or two, or PyTorch in one of its layouts, compiled or not. */
export interface Side {
  readonly name: SideName;
  prepare(benchCase: BenchCase): Promise<Work>;
  /** The process that does its work. PyTorch's two layouts share one. */
  readonly process: MeasuredProcess;
}

export type SideName =
  | 'ours'
  /** Two processes of one thread each, at once: the time of one step is half of what each takes. */
  | 'twoProcesses'
  | TorchWay;

export interface MeasuredProcess {
  /** Seconds of processor time used since it started. */
  processorSeconds(): number;
}

export interface Measurement {
  /** Milliseconds, by side; a side that was not there is missing. */
  readonly times: Readonly<Partial<Record<SideName, Spread>>>;
  /** The share of the machine's processor time that other processes took meanwhile. More than a few percent disturb. */
  readonly othersShare: number;
  /** While a side has its turn the other side's process must be idle: the processors that it used at worst, 1 for one. */
  readonly overlap: number;
}

export interface InterleaveOptions {
  /** How often each side has its turn. */
  readonly rounds: number;
  /** Called after each round. */
  readonly onRound?: (done: number) => void;
  /** Called between two turns: where an interrupt is seen. */
  readonly beforeTurn?: () => Promise<void>;
}

const now = (): number => performance.now() / 1000;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Seconds that all processors together have been busy. */
const busySeconds = (): number =>
  sum(cpus().map(({ times }) => times.user + times.nice + times.sys + times.irq)) / 1000;

/**
 * Times one case on every side, in turns (first, second, third, first, …), so that a slow spell of the machine meets all
 * of them. A side that waits does nothing.
 *
 * Each side is warmed up by two runs when it is ready (memory, kernels, threads), and by one more at the start of a turn,
 * which finds the caches filled by another side; that one is left out where a run takes over two seconds, of which cold
 * caches are no part that could be measured. A turn is about a second, or one run.
 */
export const interleave = async (
  benchCase: BenchCase,
  sides: readonly Side[],
  options: InterleaveOptions,
): Promise<Measurement> => {
  const { rounds, onRound, beforeTurn } = options;
  const works: Work[] = [];
  try {
    let slowest = 0;
    for (const side of sides) {
      await beforeTurn?.();
      const work = await side.prepare(benchCase);
      works.push(work);
      slowest = Math.max(slowest, (await work.run(2)).at(-1)!);
    }
    const runs = Math.min(Math.max(Math.round(1000 / slowest), 1), 5);
    const times = sides.map((): number[] => []);
    const processes = [...new Set(sides.map((side) => side.process))];
    const used = (): number[] => processes.map((each) => each.processorSeconds());
    const start = { wall: now(), busy: busySeconds(), used: sum(used()) };
    let overlap = 0;
    for (let round = 0; round < rounds; round++) {
      for (const [i, side] of sides.entries()) {
        await beforeTurn?.();
        const before = { wall: now(), used: used() };
        if (slowest < 2000) await works[i]!.run(1);
        times[i]!.push(...(await works[i]!.run(runs)));
        const wall = now() - before.wall;
        const idle = used().filter((_, j) => processes[j] !== side.process);
        const idleBefore = before.used.filter((_, j) => processes[j] !== side.process);
        overlap = Math.max(overlap, (sum(idle) - sum(idleBefore)) / wall);
      }
      onRound?.(round + 1);
    }
    const others = busySeconds() - start.busy - (sum(used()) - start.used);
    return {
      times: Object.fromEntries(sides.map((side, i) => [side.name, spread(times[i]!)])),
      othersShare: Math.max(0, others) / (cpus().length * (now() - start.wall)),
      overlap,
    };
  } finally {
    for (const work of works) await work.dispose();
  }
};
