import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { InterruptedError, UserError } from '../errors.js';
import { interruptSignal } from '../interruption.js';
import { silentProgress, type Progress } from '../progress.js';
import { jupyterEnvironment } from '../setup/jupyter.mjs';
import { kernelName, places } from '../setup/places.mjs';
import { parseNotebook, type Notebook } from './notebook.js';

/**
 * How much the notebooks are to spend: `full` is what their committed outputs were made with; `small` runs every cell as
 * well, on fewer images and epochs. They read it from `CIARD_NOTEBOOK_BUDGET`.
 */
export type Budget = 'full' | 'small';

export interface ExecuteOptions {
  readonly budget?: Budget;
  /** Seconds for all cells together. Default 900. */
  readonly timeout?: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

const failureSchema = z.object({
  /** The number of the code cell, from 1, as Jupyter shows it. */
  cell: z.number(),
  name: z.string(),
  message: z.string(),
  traceback: z.array(z.string()),
});
export type CellFailure = z.infer<typeof failureSchema>;

const eventSchema = z.union([z.object({ failed: failureSchema }), z.object({ cell: z.number(), of: z.number() })]);

export interface Execution {
  /** The notebook with its new outputs, as far as it came. */
  readonly notebook: Notebook;
  readonly failure?: CellFailure | undefined;
  readonly seconds: number;
  /** The folder that its training runs were in; it is gone. */
  readonly runs: string;
}

/**
 * Executes the notebook `file` on our kernel, without a browser, and leaves the file as it is. Its training runs begin
 * anew, in a temporary folder that the notebook reads from `CIARD_NOTEBOOK_RUNS`.
 * @throws UserError where the private environment is absent
 * @throws InterruptedError where `signal` aborts; the kernel is ended
 */
export const executeNotebook = async (
  file: string,
  { budget = 'full', timeout = 900, progress = silentProgress, signal = interruptSignal() }: ExecuteOptions = {},
): Promise<Execution> => {
  if (!existsSync(places.pythonExecutable)) {
    throw new UserError('Jupyter is not installed; run "node src/setup/main.mjs" first, in the project\'s folder.');
  }
  const name = basename(file, '.ipynb');
  const folder = await mkdtemp(join(tmpdir(), 'ciard-notebook-'));
  const output = join(folder, 'executed.ipynb');
  const runs = join(folder, 'runs');
  const started = performance.now();
  try {
    const python = execa(
      places.pythonExecutable,
      [join(import.meta.dirname, 'execute.py'), file, output, kernelName, String(timeout)],
      {
        cwd: places.root,
        env: { ...jupyterEnvironment(places), CIARD_NOTEBOOK_RUNS: runs, CIARD_NOTEBOOK_BUDGET: budget },
        extendEnv: false,
        // In a process group of its own: a terminal's Ctrl-C reaches it through us, once.
        detached: true,
        stdin: 'ignore',
        // It ends its kernel before itself.
        cancelSignal: signal,
        forceKillAfterDelay: 10_000,
        reject: false,
      },
    );
    let failure: CellFailure | undefined;
    let isFirst = true;
    for await (const line of python.iterable()) {
      const event = eventSchema.parse(JSON.parse(line));
      if ('failed' in event) failure = event.failed;
      else {
        if (isFirst) progress({ task: name, done: 0, total: event.of });
        isFirst = false;
        progress({ task: name, done: event.cell, total: event.of });
      }
    }
    const { isCanceled, exitCode, stderr } = await python;
    if (isCanceled) throw new InterruptedError(`the execution of ${name} was interrupted; nothing was written.`);
    if (exitCode !== 0) throw new Error(`execute.py failed on ${file}:\n${stderr}`);
    return {
      notebook: parseNotebook(await readFile(output, 'utf8'), output),
      failure,
      seconds: (performance.now() - started) / 1000,
      runs,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
