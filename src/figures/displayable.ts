/** One representation per MIME type, as a notebook takes it. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** The key of the method by which a value shows itself in a notebook: our kernel asks for it, and Deno's does. */
export const displaySymbol: unique symbol = Symbol.for('Jupyter.display') as never;

export interface Displayable {
  [displaySymbol](): MimeBundle | Promise<MimeBundle>;
}

/** Something that is there to be shown. */
export const displayable = (bundle: () => MimeBundle | Promise<MimeBundle>): Displayable => ({
  [displaySymbol]: bundle,
});
