import { randomUUID } from 'node:crypto';
import { inspect, types } from 'node:util';
import { UserError } from '../errors.js';
import { displayable, displaySymbol, type Displayable, type MimeBundle } from '../display.js';

/** What cells may replace, as it was at the start. */
const { Array, Buffer, Map, Object, Promise, Uint8Array } = globalThis;

/**
 * Display. A value that shows itself (src/display.ts) is shown as it says, plain data by a view if there is one for it,
 * everything else as text. A figure, a table or a picture is then an ordinary object: a cell's last expression shows it,
 * and so does `display(figure)`.
 */
export { displaySymbol, type Displayable, type MimeBundle };

/** A value that shows itself as `bundle`: `display(mime({ 'text/html': '<b>x</b>', 'text/plain': 'x' }))`. */
export const mime = (bundle: MimeBundle): Displayable => displayable(() => bundle);
export const html = (text: string): Displayable => mime({ 'text/html': text });
export const markdown = (text: string): Displayable => mime({ 'text/markdown': text, 'text/plain': text });
export const svg = (text: string): Displayable => mime({ 'image/svg+xml': text });
export const png = (bytes: Uint8Array): Displayable => mime({ 'image/png': bytes });

/** Where displays go. The kernel puts its own in place; without one they are printed as text. */
export interface DisplaySink {
  show(
    bundle: MimeBundle,
    options: { readonly id?: string; readonly update: boolean; readonly metadata: MimeBundle },
  ): void;
  clear(wait: boolean): void;
  /** Work that the cell is not done without. */
  track(work: Promise<void>): void;
}

const printed: DisplaySink = {
  show: (bundle) => {
    const text = bundle['text/plain'];
    if (typeof text === 'string' && text !== '') process.stdout.write(`${text}\n`);
  },
  clear: () => undefined,
  track: () => undefined,
};
let sink = printed;

/** Called by the kernel at its start. */
export const setDisplaySink = (next: DisplaySink): void => {
  sink = next;
};

/** How an object is shown that is plain data and does not say itself; undefined where there is no view of it. */
export type ViewOf = (value: object) => Displayable | undefined | Promise<Displayable | undefined>;

let viewOf: ViewOf = () => undefined;

/** Called by the kernel at its start: it shows the library's data, of which this room knows nothing. */
export const setViews = (next: ViewOf): void => {
  viewOf = next;
};

interface TensorLike {
  readonly dataId: object;
  readonly shape: readonly number[];
  toString(verbose: boolean): string;
}

/** A proxy answers whatever it is asked, or throws: it is shown as Node shows it, its traps left alone. */
const isPlain = (value: unknown): value is object =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && !types.isProxy(value);

const isDisplayable = (value: unknown): value is Displayable =>
  isPlain(value) && typeof (value as Partial<Displayable>)[displaySymbol] === 'function';

const isTensor = (value: unknown): value is TensorLike =>
  isPlain(value) && 'dataId' in value && 'shape' in value && 'rankType' in value;

/** `value` as text, the way a Node console would show it; a tensor with its values. */
const textOf = (value: unknown): string => {
  if (isTensor(value)) return value.toString(true);
  return inspect(value, { depth: 4, breakLength: 100, maxStringLength: 100_000 });
};

/** A bundle as it is sent. @throws UserError where it is none. */
const encoded = (bundle: unknown): MimeBundle => {
  const isBundle = typeof bundle === 'object' && bundle !== null && !Array.isArray(bundle);
  if (!isBundle) {
    throw new UserError(
      `a display method gave ${inspect(bundle, { depth: 0 }).slice(0, 100)}; it is to give a bundle, one representation by MIME type: { 'text/plain': '…' }`,
    );
  }
  return Object.fromEntries(
    Object.entries(bundle)
      .filter(([, data]) => data !== undefined)
      .map(([type, data]) => [
        type,
        data instanceof Uint8Array
          ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
          : data,
      ]),
  );
};

const textBundle = (value: unknown): MimeBundle => ({ 'text/plain': textOf(value) });

const ownBundle = (value: Displayable): MimeBundle | Promise<MimeBundle> => {
  const bundle = value[displaySymbol]();
  return bundle instanceof Promise ? bundle.then(encoded) : encoded(bundle);
};

/** How `value` is shown: by its own method, by a view of it, or as text. */
export const bundleOf = (value: unknown): MimeBundle | Promise<MimeBundle> => {
  if (isDisplayable(value)) return ownBundle(value);
  if (typeof value !== 'object' || !isPlain(value) || isTensor(value)) return textBundle(value);
  const shownBy = (view: Displayable | undefined) => (view ? ownBundle(view) : textBundle(value));
  const view = viewOf(value);
  return view instanceof Promise ? view.then(shownBy) : shownBy(view);
};

export interface Display {
  readonly id: string;
  /** Shows `value` in the same place, wherever that is by now. */
  readonly update: (value: unknown) => void;
}

export interface DisplayOptions {
  /** Names the place, so that `updateDisplay` finds it. Made up by default. */
  readonly id?: string;
  /** Metadata by MIME type, as Jupyter takes it: `{ 'image/png': { width: 320 } }`. */
  readonly metadata?: MimeBundle;
}

/** Shows that are not ready yet, by their place. What comes after them there waits, or the older would be seen last. */
const pending = new Map<string, Promise<void>>();

const show = (value: unknown, id: string, update: boolean, metadata: MimeBundle): void => {
  const to = sink;
  const bundle = bundleOf(value);
  const before = pending.get(id);
  if (!before && !(bundle instanceof Promise)) {
    to.show(bundle, { id, update, metadata });
    return;
  }
  // Its place among the cell's outputs is where it was asked for, not where it gets ready.
  if (!update) to.show({ 'text/plain': '' }, { id, update, metadata: {} });
  const work = Promise.all([bundle, before?.catch(() => undefined)])
    .then(([ready]) => {
      to.show(ready, { id, update: true, metadata });
    })
    .finally(() => {
      if (pending.get(id) === work) pending.delete(id);
    });
  pending.set(id, work);
  to.track(work);
};

/**
 * Shows `value` below the running cell and returns its place. As a cell's last expression that place shows nothing, so
 * `display(value)` may be the last line.
 */
export const display = (value: unknown, { id = randomUUID(), metadata = {} }: DisplayOptions = {}): Display => {
  show(value, id, false, metadata);
  const place: Display & Displayable = {
    id,
    update(next) {
      show(next, id, true, metadata);
    },
    [displaySymbol]: () => ({}),
  };
  return place;
};

/** Shows `value` in every place named `id`. */
export const updateDisplay = (
  id: string,
  value: unknown,
  { metadata = {} }: Pick<DisplayOptions, 'metadata'> = {},
): void => {
  show(value, id, true, metadata);
};

/** Empties the output of the running cell; `wait` until the next output comes, which avoids a flicker. */
export const clearOutput = ({ wait = false }: { readonly wait?: boolean } = {}): void => {
  sink.clear(wait);
};
