import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { places } from '../src/setup/places.mjs';
import { errorOf, type KernelClient, openKernel, streamOf } from '../test/kernel/kernel-client.js';
import { columns } from './report.js';
import { spread, type Spread } from './statistics.js';

/** A kernel to be measured: how Jupyter starts it, and what its cells are written in. */
export interface BenchKernel {
  readonly name: string;
  readonly argv: readonly string[] | undefined;
  readonly language: 'typescript' | 'python';
}

/** The command of the npm package `deno`, or of a deno that is installed. */
const findDeno = (): string | undefined => {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('deno/package.json'));
    const file = join(folder, 'deno');
    if (existsSync(file)) return file;
  } catch {
    // Not among the packages.
  }
  try {
    return execFileSync('which', ['deno'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
};

/** The kernels that are here, and the names of those that are not. */
export const findKernels = (): { readonly kernels: readonly BenchKernel[]; readonly absent: readonly string[] } => {
  const connection = '{connection_file}';
  const tslab = join(places.nodeModules, 'tslab', 'bin', 'tslab');
  const deno = findDeno();
  const kernels: BenchKernel[] = [
    { name: 'ciard', argv: undefined, language: 'typescript' },
    { name: 'tslab', argv: [process.execPath, tslab, 'kernel', '--config-path', connection], language: 'typescript' },
    {
      name: 'ipykernel',
      argv: [places.pythonExecutable, '-m', 'ipykernel_launcher', '-f', connection],
      language: 'python',
    },
  ];
  if (deno === undefined) return { kernels, absent: ['deno (the npm package of that name brings it)'] };
  return {
    kernels: [
      ...kernels,
      { name: 'deno', argv: [deno, 'jupyter', '--kernel', '--conn', connection], language: 'typescript' },
    ],
    absent: [],
  };
};

const open = ({ argv }: BenchKernel): Promise<KernelClient> => openKernel(argv ? { argv, cwd: places.root } : {});

const measures = ['ready', 'first cell', 'next cell', 'completion', 'memory'] as const;
type Measure = (typeof measures)[number];

/** Seconds, and megabytes of memory; of each kernel in turn, so that a slow spell of the machine meets all of them. */
export const timeKernels = async (
  kernels: readonly BenchKernel[],
  rounds: number,
  onRound: (done: number) => void,
): Promise<Record<string, Record<Measure, Spread>>> => {
  const values = kernels.map(() => new Map<Measure, number[]>(measures.map((name) => [name, []])));
  for (let round = 0; round < rounds; round++) {
    for (const [at, kernel] of kernels.entries()) {
      const client = await open(kernel);
      try {
        const add = (measure: Measure, value: number): void => {
          values[at]!.get(measure)!.push(value);
        };
        add('ready', client.readyAfter);
        add('first cell', client.readyAfter + (await client.run('1 + 1')).idle);
        add('next cell', (await client.run('2 + 3')).idle);
        const code = kernel.language === 'python' ? 'prin' : 'Numb';
        add('completion', (await client.request('complete_request', { code, cursor_pos: 4 })).seconds);
        await sleep(2000);
        add('memory', (await client.memory()) / 1e6);
      } finally {
        await client.stop();
      }
    }
    onRound(round + 1);
  }
  return Object.fromEntries(
    kernels.map(({ name }, at) => [
      name,
      Object.fromEntries(measures.map((measure) => [measure, spread(values[at]!.get(measure)!)])) as Record<
        Measure,
        Spread
      >,
    ]),
  );
};

/** What a cell may do to its kernel; undefined where a language has no such thing. */
interface SurvivalCase {
  readonly name: string;
  readonly typescript: string;
  readonly python?: string;
  readonly interrupt?: boolean;
  /** What is to be seen in the output, where that is the point. */
  readonly wanted?: string;
  /** How long it may take, in seconds. Default: 10. */
  readonly seconds?: number;
}

const survivalCases: readonly SurvivalCase[] = [
  { name: 'Promise replaced', typescript: '(globalThis as any).Promise = undefined' },
  { name: 'setTimeout replaced', typescript: '(globalThis as any).setTimeout = undefined' },
  { name: 'process replaced', typescript: '(globalThis as any).process = undefined' },
  { name: 'JSON replaced', typescript: '(globalThis as any).JSON = undefined' },
  { name: 'Array.prototype.push replaced', typescript: 'Array.prototype.push = () => { throw 1 }' },
  { name: 'Object.prototype extended', typescript: "(Object.prototype as any)['then'] = 1" },
  { name: 'exit', typescript: "(globalThis as any)['process'].exit(3)", python: 'import os; os._exit(3)' },
  { name: 'abort', typescript: "(globalThis as any)['process'].abort()", python: 'import os; os.abort()' },
  {
    name: 'out of memory',
    typescript: 'const all: unknown[] = []; for (;;) all.push(new Array(1e6).fill(all.length))',
    python:
      'import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\nall = []\nwhile True: all.append([0] * 10**6)',
    seconds: 60,
  },
  {
    name: 'streams closed',
    typescript: "const { closeSync } = await import('node:fs'); for (const fd of [0, 1, 2, 3, 4]) closeSync(fd)",
    python: 'import os\nfor fd in range(5): os.close(fd)',
  },
  {
    name: 'an error after the cell',
    typescript: "setTimeout(() => { throw new Error('late') }, 50); await new Promise((end) => setTimeout(end, 300))",
    wanted: 'late',
  },
  {
    name: '100 MB of output',
    typescript: "for (let i = 0; i < 1000; i++) console.log('x'.repeat(1e5)); console.log('the end')",
    python: "for i in range(1000): print('x' * 100000)\nprint('the end')",
    seconds: 60,
  },
  {
    name: '100,000 messages',
    typescript: "for (let i = 0; i < 1e5; i++) console.log(i); console.log('the end')",
    python: "for i in range(100000): print(i, flush=True)\nprint('the end')",
    seconds: 60,
  },
  {
    name: 'native crash',
    typescript: "const { kill, pid } = (globalThis as any)['process']; kill(pid, 'SIGSEGV')",
    python: 'import os, signal; os.kill(os.getpid(), signal.SIGSEGV)',
  },
  { name: 'interrupt: a loop', typescript: 'for (;;);', python: 'while True: pass', interrupt: true },
  {
    name: 'interrupt: a child',
    typescript: "const { execSync } = await import('node:child_process'); execSync('sleep 60')",
    python: "import subprocess; subprocess.run(['sleep', '60'])",
    interrupt: true,
  },
  {
    name: 'interrupt: a timer that spins',
    typescript: 'setTimeout(() => { for (;;); }, 10); await new Promise(() => undefined)',
    interrupt: true,
  },
  {
    name: "a child's output",
    typescript:
      "const { execSync } = await import('node:child_process'); execSync('echo from-child', { stdio: 'inherit' })",
    python: "import subprocess; subprocess.run(['echo', 'from-child'])",
    wanted: 'from-child',
  },
];

/** How a kernel comes through a case: what the cell said of it, and whether the next one runs. */
const outcomeOf = async (kernel: BenchKernel, each: SurvivalCase): Promise<string> => {
  const code = each[kernel.language];
  if (code === undefined) return 'no such thing';
  const client = await open(kernel);
  try {
    await client.run('1 + 1', { timeout: 30 });
    let told = 'silence';
    try {
      const run = await client.run(code, {
        timeout: each.seconds ?? 10,
        ...(each.interrupt ? { interruptAfter: [1.5] } : {}),
      });
      const error = errorOf(run);
      told = error ? error.ename : each.wanted === undefined ? 'ok' : 'output lost';
      if (each.wanted !== undefined && (streamOf(run, 'stdout') + streamOf(run, 'stderr')).includes(each.wanted))
        told = 'output shown';
    } catch {
      // Neither a reply nor idle.
    }
    try {
      await client.run('1 + 2', { timeout: 10 });
      return `${told}, goes on`;
    } catch {
      return `${told}, ${(await client.alive()) ? 'hangs' : 'dead'}`;
    }
  } finally {
    await client.stop().catch(() => undefined);
  }
};

/** Seconds of the first import of this library in a notebook, and of `import torch` in a Python, in turns. */
export const timeImports = async (
  python: string | undefined,
  rounds: number,
): Promise<{ readonly ciard: Spread; readonly torch: Spread | null }> => {
  const ours: number[] = [];
  const torch: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const client = await openKernel({});
    try {
      const run = await client.run("import { resolveAttack } from 'ciard';\nresolveAttack('fgsm').name");
      const error = errorOf(run);
      if (error) throw new Error(`the import failed: ${error.evalue}`);
      ours.push(run.idle);
    } finally {
      await client.stop();
    }
    if (python === undefined) continue;
    const code = 'import time; t = time.perf_counter(); import torch; print(time.perf_counter() - t)';
    torch.push(Number(execFileSync(python, ['-c', code], { encoding: 'utf8' })));
  }
  return { ciard: spread(ours), torch: python === undefined ? null : spread(torch) };
};

export type Survival = Record<string, Record<string, string>>;

export const surviveKernels = async (
  kernels: readonly BenchKernel[],
  onCase: (found: Survival, done: number, total: number) => Promise<void>,
): Promise<Survival> => {
  const table: Survival = {};
  for (const [at, each] of survivalCases.entries()) {
    const row: Record<string, string> = {};
    for (const kernel of kernels) row[kernel.name] = await outcomeOf(kernel, each);
    table[each.name] = row;
    await onCase(table, at + 1, survivalCases.length);
  }
  return table;
};

/** The tables as text. */
export const kernelTables = (
  times: Record<string, Record<Measure, Spread>>,
  { ciard, torch }: Awaited<ReturnType<typeof timeImports>>,
  survival: Survival,
): string => {
  const names = Object.keys(times);
  const heading = ['median (quartiles), s; memory in MB', ...names];
  const rows = measures.map((measure) => [
    measure,
    ...names.map((name) => {
      const { median, q1, q3 } = times[name]![measure];
      const digits = measure === 'memory' ? 0 : 3;
      return `${median.toFixed(digits)} (${q1.toFixed(digits)}–${q3.toFixed(digits)})`;
    }),
  ]);
  const inSeconds = ({ median, q1, q3 }: Spread): string => `${median.toFixed(3)} (${q1.toFixed(3)}–${q3.toFixed(3)})`;
  const imports = `first import of the library: ${inSeconds(ciard)} s${torch ? `; import torch: ${inSeconds(torch)} s` : ''}`;
  const outcomes = Object.entries(survival).map(([name, row]) => [name, ...names.map((kernel) => row[kernel] ?? '–')]);
  return `${columns(heading, rows)}\n${imports}\n\n${columns(['a cell that does this', ...names], outcomes)}`;
};
