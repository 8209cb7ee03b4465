import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { messageOf, UserError } from '../src/errors.js';
import type { Side } from './interleave.js';

/**
 * How PyTorch runs: its memory layout (`nchw` is the published code's), whether by `torch.compile`, and whether in bfloat16
 * where autocast has it.
 */
const ways = {
  pytorch: { layout: 'nchw', compile: false, autocast: false },
  channelsLast: { layout: 'channels_last', compile: false, autocast: false },
  compiled: { layout: 'nchw', compile: true, autocast: false },
  compiledChannelsLast: { layout: 'channels_last', compile: true, autocast: false },
  autocast: { layout: 'nchw', compile: false, autocast: true },
  autocastChannelsLast: { layout: 'channels_last', compile: false, autocast: true },
  autocastCompiled: { layout: 'nchw', compile: true, autocast: true },
  autocastCompiledChannelsLast: { layout: 'channels_last', compile: true, autocast: true },
} as const;
export type TorchWay = keyof typeof ways;

/** @param wanted which of the ways: those that compile, those that round */
export const torchWays = (wanted: { readonly compile: boolean; readonly autocast: boolean }): TorchWay[] =>
  Object.entries(ways).flatMap(([way, { compile, autocast }]) =>
    (compile && !wanted.compile) || (autocast && !wanted.autocast) ? [] : [way as TorchWay],
  );

export interface TorchInformation {
  readonly python: string;
  readonly torch: string;
  readonly threads: number;
  readonly oneDNN: boolean;
  readonly capability: string;
}

export interface TorchWorker {
  readonly information: TorchInformation;
  /** PyTorch as a side of the benchmark. */
  side(way: TorchWay): Side;
  stop(): void;
}

const script = fileURLToPath(new URL('torch_side.py', import.meta.url));

/** Seconds of processor time of another process, in the kernel's ticks of a hundredth of a second. */
const processorSecondsOf = (pid: number): number => {
  // The second field, the name in brackets, may hold spaces; user and system time are the 14th and 15th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** The answers to the requests that are sent to `child`, one line each, in order. */
const conversation = (child: ChildProcess): ((request: object) => Promise<unknown>) => {
  const waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = [];
  let ended: Error | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const answer = JSON.parse(line) as { error?: string };
    const { resolve, reject } = waiting.shift()!;
    if (answer.error === undefined) resolve(answer);
    else reject(new Error(`PyTorch's side: ${answer.error}`));
  });
  child.on('error', end);
  child.on('close', (code, signal) => {
    end(new Error(`PyTorch's side ended with ${signal ?? `exit code ${code ?? '?'}`}`));
  });
  // A write after its end is told by `close`.
  child.stdin!.on('error', () => undefined);
  return (request) =>
    new Promise((resolve, reject) => {
      if (ended) {
        reject(ended);
        return;
      }
      waiting.push({ resolve, reject });
      child.stdin!.write(`${JSON.stringify(request)}\n`);
    });
};

/**
 * Starts PyTorch's side in a process of its own and asks it what it is.
 * @param python a Python that has torch
 * @throws UserError where there is none
 */
export const startTorchWorker = async (python: string, threads: number): Promise<TorchWorker> => {
  if (python.includes('/') && !existsSync(python)) throw new UserError(`--python ${python}: there is no such file.`);
  const child = spawn(python, [script, '--threads', String(threads)], { stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = (): void => {
    child.kill();
  };
  process.once('exit', kill);
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  const ask = conversation(child);
  let information: TorchInformation;
  try {
    information = (await ask({ cmd: 'info' })) as TorchInformation;
  } catch (error) {
    const reason = complaint.trim().split('\n').at(-1) ?? '';
    throw new UserError(
      `--python ${python}: PyTorch's side does not start (${reason || messageOf(error)}). Name a Python in which "import torch" works.`,
    );
  }
  const measured = { processorSeconds: () => processorSecondsOf(child.pid!) };
  let prepared = 0;
  return {
    information,
    side: (way) => ({
      name: way,
      process: measured,
      async prepare({ work, network, width, batch }) {
        const key = `${prepared++}`;
        await ask({ cmd: 'prepare', key, work, network, width, batch, ...ways[way] });
        return {
          run: async (repeats) =>
            ((await ask({ cmd: 'run', key, repeats })) as { milliseconds: number[] }).milliseconds,
          dispose: async () => {
            await ask({ cmd: 'drop', key });
          },
        };
      },
    }),
    stop() {
      process.off('exit', kill);
      child.stdin.end();
    },
  };
};
