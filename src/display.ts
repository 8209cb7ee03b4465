/**
 * How a value shows itself in a notebook: by a method under `Symbol.for('Jupyter.display')`, which returns one
 * representation per MIME type, or a promise of them. Our kernel asks for it, and Deno's does, so what is written for one
 * shows in the other. Figures and tables (src/figures) have it; the kernel's `display` (src/kernel/display.ts) uses it.
 */

/** One representation per MIME type. Text is a string, JSON types hold JSON, bytes are sent as base64. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** The key of the method by which a value shows itself. */
export const displaySymbol: unique symbol = Symbol.for('Jupyter.display') as never;

export interface Displayable {
  /** An empty bundle shows nothing. */
  readonly [displaySymbol]: () => MimeBundle | Promise<MimeBundle>;
}

/** Something that is there to be shown. */
export const displayable = (bundle: () => MimeBundle | Promise<MimeBundle>): Displayable => ({
  [displaySymbol]: bundle,
});
