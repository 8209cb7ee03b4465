import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execaNode } from 'execa';
import type { Precision } from '../src/engine/precision.js';
import type { BenchCase } from './cases.js';
import type { Side } from './interleave.js';

/** What a process of the pair is asked for, one answer each. */
export type PairRequest =
  | { readonly ask: 'prepare'; readonly benchCase: BenchCase; readonly precision: Precision }
  | { readonly ask: 'run'; readonly repeats: number }
  | { readonly ask: 'dispose' };

export interface PairAnswer {
  readonly times: readonly number[];
  readonly processorSeconds: number;
}

const script = fileURLToPath(new URL('pair-process.ts', import.meta.url));

const startProcess = () => {
  const child = execaNode(script, {
    nodeOptions: ['--import', 'tsx'],
    ipc: true,
    buffer: false,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit',
    env: { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
  });
  return {
    child,
    async ask(request: PairRequest): Promise<PairAnswer> {
      const [answer] = await Promise.all([child.getOneMessage(), child.sendMessage(request as never)]);
      return answer as unknown as PairAnswer;
    },
  };
};

/**
 * This project in two processes of one thread each that work at the same time, as the executor runs trainings: beside one
 * process with two threads it says what `--jobs 2` gains.
 */
export const startPair = (precision: Precision): { side: Side; stop: () => Promise<void> } => {
  const pair = [startProcess(), startProcess()];
  let processorSeconds = 0;
  const askBoth = async (request: PairRequest): Promise<PairAnswer[]> => {
    const answers = await Promise.all(pair.map((each) => each.ask(request)));
    processorSeconds = answers.reduce((sum, answer) => sum + answer.processorSeconds, 0);
    return answers;
  };
  return {
    side: {
      name: 'twoProcesses',
      process: { processorSeconds: () => processorSeconds },
      async prepare(benchCase) {
        await askBoth({ ask: 'prepare', benchCase, precision });
        return {
          async run(repeats) {
            const [first, second] = await askBoth({ ask: 'run', repeats });
            // While one takes a step the other takes one too.
            return first!.times.map((time, i) => (time + second!.times[i]!) / 4);
          },
          async dispose() {
            await askBoth({ ask: 'dispose' });
          },
        };
      },
    },
    async stop() {
      for (const { child } of pair) {
        child.disconnect();
        if (child.exitCode === null) await once(child, 'exit');
      }
    },
  };
};
