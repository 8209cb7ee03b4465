import { executionAsyncId } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { Converter } from 'tslab/dist/converter.js';
import type { Executor } from 'tslab/dist/executor.js';
import { type CellCompiler, cellGlobal } from './compiler.js';
import type { CellModules } from './modules.js';

export type CellOutcome =
  { readonly status: 'ok'; readonly result: unknown } | { readonly status: 'error'; readonly error: unknown };

export interface CellExecutor extends Pick<Executor, 'inspect' | 'complete' | 'close'> {
  readonly run: (source: string) => Promise<CellOutcome>;
  /** Gives up waiting for the cell: it ends with `error`, its work is left to itself. */
  readonly abandon: (error: Error) => void;
  readonly tslab: Executor;
}

export interface CellExecutorOptions {
  readonly root: string;
  readonly folder: string;
  readonly compiler: CellCompiler;
  readonly modules: CellModules;
  /** Called when a cell's synchronous part is over. */
  readonly afterSynchronous: () => void;
}

/** tslab's executor, which prints what a cell results in or throws. Here that is caught and returned. */
export const createCellExecutor = ({
  root,
  folder,
  compiler,
  modules,
  afterSynchronous,
}: CellExecutorOptions): CellExecutor => {
  const require = createRequire(import.meta.url);
  const { createExecutor } = require('tslab/dist/executor.js') as typeof import('tslab/dist/executor.js');
  let outcome: CellOutcome = { status: 'ok', result: undefined };
  let compiled = 0;
  let abandon: (error: Error) => void = () => undefined;
  let adopted: string | undefined;
  const converter: Converter = {
    ...compiler.converter,
    convert(previous, source) {
      if (adopted !== undefined) return { diagnostics: [], declOutput: adopted };
      const converted = compiler.converter.convert(previous, source);
      compiled += 1;
      return converted;
    },
  };
  /**
   * tslab forgets what a cell that fails declared. What it had assigned until then is there, though, and is wanted: the
   * model that was trained until an interrupt. So tslab is given a cell of declarations alone, those of the failed one.
   */
  const keepDeclarations = async (): Promise<void> => {
    adopted = compiler.declarations();
    await tslab.execute('');
    adopted = undefined;
  };
  const tslab = createExecutor(
    root,
    {
      node: converter,
      browser: converter,
      close: () => {
        converter.close();
      },
    },
    {
      log: (result: unknown) => {
        outcome = { status: 'ok', result };
      },
      error: (error: unknown) => {
        outcome = { status: 'error', error };
      },
    },
  );
  /**
   * The cell starts alone: as a job of promises, in a turn of the event loop that nothing of this kernel shares. So it can
   * be stopped (control-thread.mjs) without anything of the kernel being stopped with it.
   */
  const started = (source: string): Promise<void> =>
    new Promise((resolve, reject) => {
      abandon = reject;
      setImmediate(() => {
        void Promise.resolve()
          .then(() => {
            const rest = tslab.execute(source);
            afterSynchronous();
            return rest;
          })
          .then(() => {
            resolve();
          }, reject);
      });
    });

  const meta = {
    url: new URL('cell.ts', `file://${folder}/`).href,
    dirname: folder,
    filename: `${folder}/cell.ts`,
  };
  Object.assign((globalThis as unknown as Record<string, object>)[cellGlobal]!, {
    import: (specifier: unknown) => modules.load(String(specifier)),
    meta,
    // What the control thread looks at before it stops a cell.
    asyncId: executionAsyncId,
  });
  return {
    tslab,
    async run(source) {
      outcome = { status: 'ok', result: undefined };
      const before = compiled;
      try {
        await started(source);
      } catch (error) {
        outcome = { status: 'error', error };
      }
      const ended = outcome;
      // Not to be kept alive by us once it was shown.
      outcome = { status: 'ok', result: undefined };
      if (ended.status === 'error' && compiled > before) await keepDeclarations();
      return ended;
    },
    abandon: (error) => {
      abandon(error);
      // Has tslab stop waiting, too.
      tslab.interrupt();
    },
    inspect: (source, position) => tslab.inspect(source, position),
    complete: (source, position) => tslab.complete(source, position),
    close: () => {
      tslab.close();
    },
  };
};
