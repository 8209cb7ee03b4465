import { fileURLToPath } from 'node:url';
import { inspect, type InspectOptions, stripVTControlCharacters } from 'node:util';
import { InterruptedError, UserError } from '../errors.js';
import { CellDiagnostics, type CellPosition } from './compiler.js';

/** An error as Jupyter shows it. */
export interface ErrorReport {
  readonly ename: string;
  readonly evalue: string;
  /** Lines with ANSI colours, the last one being the name and the message. */
  readonly traceback: string[];
}

/** A cell that ran: where its frames in a stack trace lead. */
export interface RunCell {
  readonly source: string;
  /** The number in its brackets. */
  readonly label: string;
  readonly position: CellPosition;
}

const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`;
const dim = (text: string): string => `\u001b[2m${text}\u001b[22m`;

const cellFrame = /ciard-cell-(\d+):(\d+):(\d+)/;

/** The serials of the cells whose code has led to where this is called, awaiting functions among it. */
export const cellsOnStack = (): number[] => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = limit;
  return [...stack.matchAll(/ciard-cell-(\d+):/g)].map(([, serial]) => Number(serial));
};

/** The name that the frames of cell `serial` carry. */
export const frameName = (serial: number): string => `ciard-cell-${serial}`;

/** Of a line of code so many characters are shown, of a message as many, and of complaints about a cell so many. */
const longestLine = 160;
const longestMessage = 1000;
const mostComplaints = 20;

/** The lines around `line`, which is marked; a caret below `column`, as long as `length`. All count from 1. */
const excerpt = (source: string, line: number, column: number, length = 1): string[] => {
  const lines = source.split(/\r?\n/);
  const first = Math.max(1, line - 2);
  const last = Math.min(lines.length, line + 2);
  const width = String(last).length;
  const out: string[] = [];
  for (let at = first; at <= last; at++) {
    const number = String(at).padStart(width);
    const whole = lines[at - 1]!;
    // Of a line of minified code, what is around the place.
    const from = at === line ? Math.max(0, Math.min(column - 1 - longestLine / 2, whole.length - longestLine)) : 0;
    const text = `${from > 0 ? '…' : ''}${whole.slice(from, from + longestLine)}${whole.length > from + longestLine ? '…' : ''}`;
    const shownColumn = column - from + (from > 0 ? 1 : 0);
    if (at !== line) {
      out.push(dim(`  ${number} | ${text}`));
      continue;
    }
    out.push(`${red('>')} ${number} | ${text}`);
    const gap = text.slice(0, shownColumn - 1).replace(/[^\t]/g, ' ');
    out.push(
      `  ${' '.repeat(width)} | ${gap}${red('^'.repeat(Math.max(1, Math.min(length, text.length - shownColumn + 1))))}`,
    );
  }
  return out;
};

const isOn = (source: string, line: number, pattern: RegExp): boolean => pattern.test(source.split('\n')[line] ?? '');

/** A line of IPython's own commands, of which a cell of TypeScript has none. */
const commandOfPython = /^[ \t]*(?:%%?[a-z]\w*|!\s*[a-z]\w*(?=[ \t]|$)).*$/im;

const diagnosticReport = (label: string, { source, diagnostics }: CellDiagnostics): ErrorReport => {
  const command = commandOfPython.exec(source)?.[0].trim();
  if (command !== undefined && diagnostics.some(({ start }) => isOn(source, start.line, commandOfPython))) {
    const evalue =
      `"${command.slice(0, 60)}" is a command of IPython and cells here are TypeScript; for the shell: ` +
      `import { execSync } from 'node:child_process'; execSync('…', { stdio: 'inherit' })`;
    return { ename: 'TypeScriptError', evalue, traceback: [`${red('TypeScriptError')}: ${evalue}`] };
  }
  // One complaint that explains itself in several steps comes as several diagnostics at one place.
  const groups: (typeof diagnostics)[number][][] = [];
  for (const diagnostic of diagnostics) {
    const group = groups.at(-1);
    const start = group?.[0]?.start.offset;
    if (start === diagnostic.start.offset && group?.[0]?.end.offset === diagnostic.end.offset) group.push(diagnostic);
    else groups.push([diagnostic]);
  }
  const cut = (text: string): string => (text.length > longestMessage ? `${text.slice(0, longestMessage)}…` : text);
  const traceback = groups.slice(0, mostComplaints).flatMap((group) => {
    const { start, end, code } = group[0]!;
    const length = start.line === end.line ? end.character - start.character : Infinity;
    return [
      `${bold(`cell [${label}]:${start.line + 1}:${start.character + 1}`)} ${dim(`TS${code}`)}`,
      ...excerpt(source, start.line + 1, start.character + 1, length),
      ...group.map(({ messageText }, depth) => `${'  '.repeat(depth)}${cut(messageText)}`),
      '',
    ];
  });
  const [{ start, messageText }] = groups[0] as [(typeof diagnostics)[number]];
  const more = groups.length > 1 ? ` (and ${groups.length - 1} more)` : '';
  const evalue = `line ${start.line + 1}: ${cut(messageText)}${more}`;
  return { ename: 'TypeScriptError', evalue, traceback: [...traceback, `${red('TypeScriptError')}: ${evalue}`] };
};

interface Frame {
  readonly text: string;
  /** The lines of the cell, where it is in one. */
  readonly excerpt: readonly string[];
}

const isFrame = (line: string): boolean => /^\s+at /.test(line);

/** Of Node, of tslab, or of this kernel: of no use to whoever wrote the cell. */
const isMachinery = (line: string, root: string): boolean =>
  /node:(?:vm|internal\/)|\/tslab\/dist\//.test(line) || line.includes(`${root}/src/kernel/`);

/** What a line of a stack trace says, if it is of use. */
const frameOf = (traced: string, cells: ReadonlyMap<number, RunCell>, root: string): Frame | undefined => {
  const line = traced.replace(/file:\/\/[^\s):]+/, (url) => fileURLToPath(url.replace(/\?.*$/, '')));
  if (isMachinery(line, root)) return undefined;
  const [, serial, row, column] = cellFrame.exec(line) ?? [];
  if (serial === undefined) return { text: line.replace(`${root}/`, ''), excerpt: [] };
  const cell = cells.get(Number(serial));
  if (!cell) return { text: line.replace(cellFrame, 'a cell long ago'), excerpt: [] };
  const at = cell.position(Number(row), Number(column));
  // No position: the function that the cell is wrapped in.
  if (!at) return undefined;
  const text = line.replace(cellFrame, `cell [${cell.label}]:${at.line}:${at.column}`);
  return { text, excerpt: excerpt(cell.source, at.line, at.column) };
};

const framesOf = (error: Error, cells: ReadonlyMap<number, RunCell>, root: string): Frame[] =>
  textOf(() => error.stack, '')
    .split('\n')
    .filter(isFrame)
    .flatMap((line) => frameOf(line, cells, root) ?? []);

/**
 * `text` with the stack traces in it, as `console.log(error)` prints them, made readable: places in cells as they were
 * typed, nothing of what runs them.
 */
export const withReadableTraces = (text: string, cells: ReadonlyMap<number, RunCell>, root: string): string => {
  if (!cellFrame.test(text)) return text;
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const shown = isFrame(line) ? frameOf(line, cells, root)?.text : line;
    if (shown !== undefined) lines.push(shown);
    // The last frame is followed by what else the error carries.
    else if (line.endsWith(' {') && lines.length > 0) lines.push(`${lines.pop()!} {`);
  }
  return lines.join('\n');
};

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
const messageText = (error: Error): string => textOf(() => error.message, '');

/** What an error carries besides its name and message: `code`, `path`, … */
const details = (error: Error): string[] => {
  const names = attempt(() => Object.keys(error)) ?? [];
  const own = names
    .filter((key) => !['name', 'message', 'stack', 'cause', 'errors'].includes(key))
    .map((key) => [key, attempt(() => (error as unknown as Record<string, unknown>)[key])] as const);
  if (own.length === 0) return [];
  return [dim(shown(Object.fromEntries(own), { depth: 1, breakLength: 100, maxArrayLength: 10 }))];
};

const errorLines = (error: Error, cells: ReadonlyMap<number, RunCell>, root: string): string[] => {
  // What a user can mend needs the place in the cell, not the way through our code.
  const brief = error instanceof UserError || error instanceof InterruptedError;
  const frames = framesOf(error, cells, root).filter(({ text }) => !brief || text.includes('cell ['));
  const first = frames.find((frame) => frame.excerpt.length > 0);
  return [
    ...(first ? [...first.excerpt, ''] : []),
    ...frames.map(({ text }) => (text.includes('cell [') ? text : dim(text))),
    ...details(error),
  ];
};

/** So many errors of one are told, causes of causes among them. */
const mostErrors = 20;

const isError = (value: unknown): value is Error => attempt(() => value instanceof Error) === true;

/** `error` as Jupyter is to show it, its positions in cells as they were typed. `label`: the number of the running cell. */
export const reportOf = (
  error: unknown,
  { cells, root, label }: { cells: ReadonlyMap<number, RunCell>; root: string; label: string },
): ErrorReport => {
  if (error instanceof CellDiagnostics) return diagnosticReport(label, error);
  if (!isError(error)) {
    const evalue = shown(error, { depth: 2 });
    return { ename: 'Thrown', evalue, traceback: [`${red('Thrown')}: ${evalue}`] };
  }
  const ename = nameOf(error);
  const evalue = stripVTControlCharacters(messageText(error));
  const traceback: string[] = [];
  const told = new Set<unknown>();
  const tell = (value: unknown): void => {
    if (!isError(value)) {
      traceback.push(shown(value));
      return;
    }
    if (told.has(value) || told.size === mostErrors) {
      traceback.push(dim(told.has(value) ? `[Circular: ${nameOf(value)}]` : '[and more]'));
      return;
    }
    told.add(value);
    traceback.push(...errorLines(value, cells, root), `${red(nameOf(value))}: ${messageText(value)}`);
    const errors = value instanceof AggregateError ? attempt(() => value.errors as unknown) : undefined;
    for (const one of Array.isArray(errors) ? (errors as unknown[]).slice(0, mostErrors) : []) {
      traceback.push('', dim('One of them:'));
      tell(one);
    }
    const cause = attempt(() => value.cause);
    if (cause === undefined) return;
    traceback.push('', dim('Caused by:'));
    tell(cause);
  };
  tell(error);
  return { ename, evalue, traceback };
};
