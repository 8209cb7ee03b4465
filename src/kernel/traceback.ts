import { fileURLToPath } from 'node:url';
import { inspect, stripVTControlCharacters } from 'node:util';
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

/** The name that the frames of cell `serial` carry. */
export const frameName = (serial: number): string => `ciard-cell-${serial}`;

/** The lines around `line`, which is marked; a caret below `column`, as long as `length`. All count from 1. */
const excerpt = (source: string, line: number, column: number, length = 1): string[] => {
  const lines = source.split(/\r?\n/);
  const first = Math.max(1, line - 2);
  const last = Math.min(lines.length, line + 2);
  const width = String(last).length;
  const out: string[] = [];
  for (let at = first; at <= last; at++) {
    const number = String(at).padStart(width);
    const text = lines[at - 1]!;
    if (at !== line) {
      out.push(dim(`  ${number} | ${text}`));
      continue;
    }
    out.push(`${red('>')} ${number} | ${text}`);
    const gap = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
    out.push(
      `  ${' '.repeat(width)} | ${gap}${red('^'.repeat(Math.max(1, Math.min(length, text.length - column + 1))))}`,
    );
  }
  return out;
};

const diagnosticReport = (label: string, { source, diagnostics }: CellDiagnostics): ErrorReport => {
  // One complaint that explains itself in several steps comes as several diagnostics at one place.
  const groups: (typeof diagnostics)[number][][] = [];
  for (const diagnostic of diagnostics) {
    const group = groups.at(-1);
    const start = group?.[0]?.start.offset;
    if (start === diagnostic.start.offset && group?.[0]?.end.offset === diagnostic.end.offset) group.push(diagnostic);
    else groups.push([diagnostic]);
  }
  const traceback = groups.flatMap((group) => {
    const { start, end, code } = group[0]!;
    const length = start.line === end.line ? end.character - start.character : Infinity;
    return [
      `${bold(`cell [${label}]:${start.line + 1}:${start.character + 1}`)} ${dim(`TS${code}`)}`,
      ...excerpt(source, start.line + 1, start.character + 1, length),
      ...group.map(({ messageText }, depth) => `${'  '.repeat(depth)}${messageText}`),
      '',
    ];
  });
  const [{ start, messageText }] = groups[0] as [(typeof diagnostics)[number]];
  const more = groups.length > 1 ? ` (and ${groups.length - 1} more)` : '';
  const evalue = `line ${start.line + 1}: ${messageText}${more}`;
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
  (error.stack ?? '')
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

/** What an error carries besides its name and message: `code`, `path`, … */
const details = (error: Error): string[] => {
  const own = Object.entries(error).filter(([key]) => !['name', 'message', 'stack', 'cause', 'errors'].includes(key));
  if (own.length === 0) return [];
  return [dim(inspect(Object.fromEntries(own), { depth: 1, breakLength: 100, maxArrayLength: 10 }))];
};

const errorLines = (error: Error, cells: ReadonlyMap<number, RunCell>, root: string): string[] => {
  // What a user can mend needs the place in the cell, not the way through our code.
  const brief = error instanceof UserError || error instanceof InterruptedError;
  const frames = framesOf(error, cells, root).filter(({ text }) => !brief || text.includes('cell ['));
  const shown = frames.find((frame) => frame.excerpt.length > 0);
  return [
    ...(shown ? [...shown.excerpt, ''] : []),
    ...frames.map(({ text }) => (text.includes('cell [') ? text : dim(text))),
    ...details(error),
  ];
};

/** `error` as Jupyter is to show it, its positions in cells as they were typed. `label`: the number of the running cell. */
export const reportOf = (
  error: unknown,
  { cells, root, label }: { cells: ReadonlyMap<number, RunCell>; root: string; label: string },
): ErrorReport => {
  if (error instanceof CellDiagnostics) return diagnosticReport(label, error);
  if (!(error instanceof Error)) {
    const evalue = inspect(error, { depth: 2 });
    return { ename: 'Thrown', evalue, traceback: [`${red('Thrown')}: ${evalue}`] };
  }
  const ename = error.name;
  const evalue = stripVTControlCharacters(error.message);
  const traceback = [...errorLines(error, cells, root), `${red(ename)}: ${error.message}`];
  for (const one of error instanceof AggregateError ? (error.errors as unknown[]) : []) {
    traceback.push('', dim('One of them:'));
    if (one instanceof Error) traceback.push(...errorLines(one, cells, root), `${red(one.name)}: ${one.message}`);
    else traceback.push(inspect(one));
  }
  for (let cause = error.cause; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    traceback.push('', dim('Caused by:'));
    if (cause instanceof Error)
      traceback.push(...errorLines(cause, cells, root), `${red(cause.name)}: ${cause.message}`);
    else traceback.push(inspect(cause));
  }
  return { ename, evalue, traceback };
};
