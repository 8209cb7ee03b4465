import { createAliasKinds } from './alias-kinds.js';
import type { CellCompiler, CellState } from './cell-compiler.js';
import { createInspection } from './inspection.js';
import type { Content } from '../messages.mjs';

interface At {
  readonly code: string;
  /** Counted in code points. */
  readonly cursor_pos: number;
}

export interface LanguageServices {
  readonly complete: (state: CellState, request: At) => Content;
  readonly inspect: (state: CellState, request: At) => Content;
  readonly isComplete: (request: { readonly code: string }) => Content;
}

/** Jupyter counts a position in code points, JavaScript in UTF-16 units. */
const toUnits = (text: string, points: number): number => Array.from(text).slice(0, points).join('').length;
const toPoints = (text: string, units: number): number => Array.from(text.slice(0, units)).length;

/** TypeScript's number for a template literal that does not end, which tslab takes for an error. */
const openTemplate = 1160;

/** What a front end asks about code that is not run yet. */
export const createLanguageServices = (compiler: CellCompiler): LanguageServices => {
  const inspection = createInspection(compiler);
  const aliasKinds = createAliasKinds(compiler);
  return {
    complete(state, { code, cursor_pos }) {
      const found = compiler.complete(state, code, toUnits(code, cursor_pos));
      const start = toPoints(code, found.start);
      const end = toPoints(code, found.end);
      const kinds = new Map<string, string>(found.original?.entries.map(({ name, kind }) => [name, kind]));
      const aliases = [...kinds].filter(([, kind]) => kind === 'alias');
      if (aliases.length > 0) {
        const known = aliasKinds(found.end);
        for (const [name, kind] of aliases) kinds.set(name, known.get(name) ?? kind);
      }
      const matches = found.candidates.filter(
        (name) => !name.startsWith('__tslab__') && !name.startsWith('tsLastExpr'),
      );
      return {
        status: 'ok',
        matches,
        cursor_start: start,
        cursor_end: end,
        metadata: {
          // JupyterLab and VS Code show the kind as an icon.
          _jupyter_types_experimental: matches.map((text) => ({ text, type: kinds.get(text) ?? '', start, end })),
        },
      };
    },
    inspect(state, { code, cursor_pos }) {
      const at = toUnits(code, cursor_pos);
      const signatureAt = (position: number): string => {
        const text = (compiler.inspect(state, code, position)?.displayParts ?? []).map((part) => part.text).join('');
        return text.replace(/\nimport [\w$ *]+$/, '');
      };
      signatureAt(at);
      const found = inspection(at, signatureAt);
      if (!found) return { status: 'ok', found: false, data: {}, metadata: {} };
      const { signature, documentation } = found;
      return {
        status: 'ok',
        found: true,
        data: {
          'text/plain': [signature, documentation].filter((part) => part !== '').join('\n\n'),
          'text/markdown': `\`\`\`ts\n${signature}\n\`\`\`\n\n${documentation}`,
        },
        metadata: {},
      };
    },
    isComplete({ code }) {
      const { completed, indent = '' } = compiler.isComplete(code);
      if (!completed) return { status: 'incomplete', indent };
      const parsed = compiler.typescript.createSourceFile('cell.ts', code, compiler.typescript.ScriptTarget.Latest);
      const errors = (parsed as unknown as { parseDiagnostics: { code: number }[] }).parseDiagnostics;
      if (errors.length === 0) return { status: 'complete' };
      return errors.some((error) => error.code === openTemplate)
        ? { status: 'incomplete', indent: '' }
        : { status: 'invalid' };
    },
  };
};
