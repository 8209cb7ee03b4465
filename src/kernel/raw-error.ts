import { inspect, type InspectOptions } from 'node:util';
import { InterruptedError, UserError } from '../errors.js';

/**
 * An error as a session tells it to the front, which makes a report of it (reports.mjs): texts alone, whatever the error
 * was made to be.
 */
export interface RawError {
  readonly ename: string;
  readonly evalue: string;
  /** What is told, in order: errors, and lines between them. */
  readonly parts: readonly (RawErrorPart | string)[];
}

export interface RawErrorPart {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** What it carries besides: `code`, `path`, … */
  readonly details: string;
  /** What a user can mend needs the place in the cell, not the way through our code. */
  readonly brief: boolean;
}

/** What cells may replace, as it was at the start. */
const { AggregateError, Array, Error, Math, Object } = globalThis;

/** What `read` gives; undefined where the value defends itself: a getter that throws, a revoked proxy. */
const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** `value` as Node shows it, or as much as can be told of a value that can't be looked at. */
const shown = (value: unknown, options: InspectOptions = {}): string =>
  attempt(() => inspect(value, options)) ??
  attempt(() => inspect(value, { ...options, showProxy: true, customInspect: false })) ??
  `[a value that can't be shown: ${typeof value}]`;

/** A name, a message: what is no text, or throws, is told as Node shows it. */
const textOf = (read: () => unknown, otherwise: string): string => {
  const value = attempt(read);
  if (typeof value === 'string') return value;
  return value === undefined ? otherwise : shown(value, { depth: 1 });
};
const nameOf = (error: Error): string => textOf(() => error.name, 'Error') || 'Error';
const messageOf = (error: Error): string => textOf(() => error.message, '');

/** What an error carries besides its name and message. */
const detailsOf = (error: Error): string => {
  const names = attempt(() => Object.keys(error)) ?? [];
  const own = names
    .filter((key) => !['name', 'message', 'stack', 'cause', 'errors'].includes(key))
    .map((key) => [key, attempt(() => (error as unknown as Record<string, unknown>)[key])] as const);
  if (own.length === 0) return '';
  return shown(Object.fromEntries(own), { depth: 1, breakLength: 100, maxArrayLength: 10 });
};

/** So many errors of one are told, causes of causes among them. */
const mostErrors = 20;

const isError = (value: unknown): value is Error => attempt(() => value instanceof Error) === true;

const partOf = (error: Error): RawErrorPart => ({
  name: nameOf(error),
  message: messageOf(error),
  stack: textOf(() => error.stack, ''),
  details: attempt(() => detailsOf(error)) ?? '',
  brief: error instanceof UserError || error instanceof InterruptedError,
});

/** `error` with its causes, each told once. */
export const rawErrorOf = (error: unknown): RawError => {
  if (!isError(error)) return { ename: 'Thrown', evalue: shown(error, { depth: 2 }), parts: [] };
  const parts: (RawErrorPart | string)[] = [];
  // Not by `push`, which is a cell's to replace.
  const add = (part: RawErrorPart | string): void => {
    parts[parts.length] = part;
  };
  const told: unknown[] = [];
  const tell = (value: unknown): void => {
    if (!isError(value)) {
      add(shown(value));
      return;
    }
    for (const one of told) {
      if (one === value) {
        add(`[Circular: ${nameOf(value)}]`);
        return;
      }
    }
    if (told.length === mostErrors) {
      add('[and more]');
      return;
    }
    told[told.length] = value;
    add(partOf(value));
    const errors = value instanceof AggregateError ? attempt(() => value.errors as unknown) : undefined;
    if (Array.isArray(errors)) {
      for (let at = 0; at < Math.min(errors.length, mostErrors); at++) {
        add('');
        add('One of them:');
        tell(errors[at]);
      }
    }
    const cause = attempt(() => value.cause);
    if (cause === undefined) return;
    add('');
    add('Caused by:');
    tell(cause);
  };
  try {
    tell(error);
  } catch {
    // What a cell did to JavaScript itself; what was told until then is told.
  }
  return { ename: nameOf(error), evalue: messageOf(error), parts };
};
