import { createRequire } from 'node:module';
import type { CellCompiler } from './compiler.js';
import type { CellExecutor } from './executor.js';
import type { Content } from './messages.mjs';

interface At {
  readonly code: string;
  /** Counted in code points. */
  readonly cursor_pos: number;
}

export interface LanguageServices {
  kernelInfo(): Content;
  complete(request: At): Content;
  inspect(request: At & { readonly detail_level: 0 | 1 }): Content;
  isComplete(request: { readonly code: string }): Content;
}

/** Jupyter counts a position in code points, JavaScript in UTF-16 units. */
const toUnits = (text: string, points: number): number => Array.from(text).slice(0, points).join('').length;
const toPoints = (text: string, units: number): number => Array.from(text.slice(0, units)).length;

/** What a front end asks about code that is not run yet, answered by tslab's own message handler. */
export const createLanguageServices = ({ tslab }: CellExecutor, compiler: CellCompiler): LanguageServices => {
  const require = createRequire(import.meta.url);
  const { JupyterHandlerImpl } = require('tslab/dist/jupyter.js') as typeof import('tslab/dist/jupyter.js');
  const handler = new JupyterHandlerImpl(tslab, false);
  return {
    kernelInfo() {
      const info = handler.handleKernel();
      return {
        ...info,
        status: 'ok',
        implementation: 'ciard',
        language_info: {
          ...info.language_info,
          version: compiler.version,
          pygments_lexer: 'typescript',
          nbconvert_exporter: 'script',
        },
        banner: `TypeScript ${compiler.version} on Node ${process.version}, with ciard`,
        debugger: false,
        help_links: [{ text: 'TypeScript', url: 'https://www.typescriptlang.org/docs/' }],
      };
    },
    complete({ code, cursor_pos }) {
      const found = handler.handleComplete({ code, cursor_pos: toUnits(code, cursor_pos) });
      return {
        ...found,
        cursor_start: toPoints(code, found.cursor_start),
        cursor_end: toPoints(code, found.cursor_end),
      };
    },
    inspect: ({ code, cursor_pos, detail_level }) => ({
      ...handler.handleInspect({ code, cursor_pos: toUnits(code, cursor_pos), detail_level }),
    }),
    isComplete: (request) => ({ ...handler.handleIsComplete(request) }),
  };
};
