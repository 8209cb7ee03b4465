import { executionAsyncId } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Converter } from 'tslab/dist/converter.js';
import type { Executor } from 'tslab/dist/executor.js';
import type { CellCompiler } from './compiler.js';
import type { CellModules } from './modules.js';
import { cellGlobal } from './transformers.js';

export type CellOutcome =
  { readonly status: 'ok'; readonly result: unknown } | { readonly status: 'error'; readonly error: unknown };

export interface CellExecutor extends Pick<Executor, 'inspect' | 'complete' | 'close'> {
  readonly run: (source: string) => Promise<CellOutcome>;
  /** Runs what belongs to a cell besides its source: showing its result. Can be stopped and abandoned as the cell can. */
  readonly alone: <T>(work: () => T | Promise<T>) => Promise<T>;
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
  let thrown: { readonly error: unknown } | undefined;
  /** The name that tslab gave the cell's last expression, if the cell ends with one. */
  let lastExpression = '';
  let compiled = 0;
  let abandon: (error: Error) => void = () => undefined;
  let adopted: string | undefined;
  const converter: Converter = {
    ...compiler.converter,
    convert(previous, source) {
      if (adopted !== undefined) return { diagnostics: [], declOutput: adopted };
      const { lastExpressionVar, ...converted } = compiler.converter.convert(previous, source);
      compiled += 1;
      lastExpression = lastExpressionVar ?? '';
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
      log: () => undefined,
      error: (error: unknown) => {
        thrown = { error };
      },
    },
  );
  /**
   * What is the user's starts alone: as a job of promises, in a turn of the event loop that nothing of this kernel shares.
   * So it can be stopped (control-thread.mjs) without anything of the kernel being stopped with it.
   */
  const alone: CellExecutor['alone'] = (work) =>
    new Promise((resolve, reject) => {
      abandon = reject;
      setImmediate(() => {
        void Promise.resolve().then(work).then(resolve, reject);
      });
    });

  /**
   * What cells declare at their top, and the result of the one that runs. As tslab's own: imports, which the compiler
   * defines as getters, become values that can be declared anew. With `set` an assignment takes a tenth of the time.
   */
  const values: Record<PropertyKey, unknown> = {};
  const exports = new Proxy(values, {
    set(_, name, value) {
      values[name] = value;
      return true;
    },
    defineProperty(_, name, attributes) {
      if (name !== '__esModule') values[name] = attributes.get ? attributes.get() : attributes.value;
      return true;
    },
  });

  const meta = {
    url: pathToFileURL(`${folder}/cell.ts`).href,
    dirname: folder,
    filename: `${folder}/cell.ts`,
  };
  Object.assign((globalThis as unknown as Record<string, object>)[cellGlobal]!, {
    exports,
    import: (specifier: unknown) => modules.load(String(specifier)),
    meta,
    // What the control thread looks at before it stops a cell.
    asyncId: executionAsyncId,
  });
  return {
    tslab,
    alone,
    async run(source) {
      thrown = undefined;
      lastExpression = '';
      const before = compiled;
      try {
        await alone(() => {
          const rest = tslab.execute(source);
          afterSynchronous();
          return rest;
        });
      } catch (error) {
        thrown = { error };
      }
      const result = values[lastExpression];
      // Not to be kept alive by us once it was shown.
      Reflect.deleteProperty(values, lastExpression);
      if (!thrown) return { status: 'ok', result };
      const { error } = thrown;
      if (compiled > before) await keepDeclarations();
      return { status: 'error', error };
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
