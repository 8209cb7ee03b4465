import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import type { CellModules } from './modules.js';
import { cellGlobal } from './compiler/transformers.js';

/** A cell as the compiler made it. */
export interface CellCode {
  readonly code: string;
  readonly isAsync: boolean;
  readonly lastExpression?: string | undefined;
}

export interface CellExecutor {
  /** Runs a cell; gives the value of its last expression, wrapped: it may be a promise. */
  readonly run: (cell: CellCode) => Promise<{ readonly value: unknown }>;
  /** Runs what belongs to a cell besides its source: showing its result. Can be stopped and abandoned as the cell can. */
  readonly alone: <T>(work: () => T | Promise<T>) => Promise<{ readonly value: T }>;
  /** Gives up waiting for the cell: it ends with `error`, its work is left to itself. */
  readonly abandon: (error: Error) => void;
}

export interface CellExecutorOptions {
  readonly root: string;
  readonly folder: string;
  readonly modules: CellModules;
}

/** What cells may replace or take away, as it was at the start. */
const { Object, Promise, Proxy, Reflect, setImmediate, String } = globalThis;

/** Nothing that a cell adds to all objects is seen in it, `then` least of all. */
const wrapped = <T>(value: T): { readonly value: T } => ({ __proto__: null, value }) as unknown as { value: T };

export const createCellExecutor = ({ root, folder, modules }: CellExecutorOptions): CellExecutor => {
  let abandon: (error: Error) => void = () => undefined;
  /**
   * What is the user's starts alone: as a job of promises, in a turn of the event loop that nothing of this kernel shares.
   * So it can be stopped (watcher.mjs) without anything of the kernel being stopped with it. It is awaited, never given to
   * `resolve`, which would call a `then` that a cell may have replaced.
   */
  const settle = async <T>(
    work: () => T | Promise<T>,
    resolve: (value: { readonly value: T }) => void,
    reject: (error: unknown) => void,
  ): Promise<void> => {
    // A turn of promises, and nothing else.
    await (null as unknown);
    try {
      resolve(wrapped(await work()));
    } catch (error) {
      reject(error);
    }
  };
  const alone: CellExecutor['alone'] = (work) =>
    new Promise((resolve, reject) => {
      abandon = reject;
      setImmediate(() => void settle(work, resolve, reject));
    });

  /**
   * What cells declare at their top, and the result of the one that runs. As tslab's own: imports, which the compiler
   * defines as getters, become values that can be declared anew. With `set` an assignment takes a tenth of the time.
   */
  const values = Object.create(null) as Record<PropertyKey, unknown>;
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

  Object.defineProperty(globalThis, cellGlobal, {
    enumerable: false,
    value: Object.freeze({
      exports,
      require: createRequire(join(root, 'cell.js')),
      import: (specifier: unknown) => modules.load(String(specifier)),
      meta: {
        url: pathToFileURL(`${folder}/cell.ts`).href,
        dirname: folder,
        filename: `${folder}/cell.ts`,
      },
    }),
  });

  return {
    alone,
    async run({ code, isAsync, lastExpression }) {
      // Wrapped into a function: faster than code at the top, and `let` and `const` can be declared again.
      const head = isAsync ? '(async function(exports, require) { ' : '(function(exports, require) { ';
      const text = `${head}${code}\n})(${cellGlobal}.exports, ${cellGlobal}.require)`;
      const options = Object.create(null) as object;
      await alone(async () => {
        const promise = new Script(text, options).runInThisContext() as unknown;
        // What a synchronous cell returns is nothing of its own.
        if (isAsync) await promise;
      });
      if (lastExpression === undefined) return wrapped(undefined);
      const value = values[lastExpression];
      // Not to be kept alive by us once it was shown.
      Reflect.deleteProperty(values, lastExpression);
      return wrapped(value);
    },
    abandon: (error) => {
      abandon(error);
    },
  };
};
