import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

/**
 * Errors as Jupyter shows them, made of what a session or the compiler tells of them: places in cells as they were typed,
 * nothing of what runs them.
 *
 * @typedef {{ readonly ename: string, readonly evalue: string, readonly traceback: string[] }} ErrorReport
 *   `traceback`: lines with ANSI colours, the last one being the name and the message.
 * @typedef {(line: number, column: number) => { line: number, column: number } | undefined} CellPosition
 *   A position in what ran, back to the cell; lines and columns count from 1. None for what wraps the cell.
 * @typedef {{ readonly source: string, readonly label: string, readonly position: CellPosition }} RunCell
 *   A cell that ran: where its frames in a stack trace lead. `label`: the number in its brackets.
 * @typedef {{ readonly cells: ReadonlyMap<number, RunCell>, readonly root: string }} Places
 * @typedef {import('tslab/dist/converter.js').Diagnostic} Diagnostic
 * @typedef {import('./raw-error.js').RawError} RawError
 * @typedef {import('./compiler/cell-compiler.js').CellMaps} CellMaps
 */

/** @param {string} text */
const red = (text) => `\u001b[31m${text}\u001b[39m`;
/** @param {string} text */
const bold = (text) => `\u001b[1m${text}\u001b[22m`;
/** @param {string} text */
const dim = (text) => `\u001b[2m${text}\u001b[22m`;

const cellFrame = /ciard-cell-(\d+):(\d+):(\d+)/;

/** The name that the frames of cell `serial` carry. @param {number} serial */
export const frameName = (serial) => `ciard-cell-${String(serial)}`;

/** Lines that are put before a cell ('export {};') and before its JavaScript (the wrapper's head). */
const linesBefore = 1;

/** A source map, parsed when it is first needed: most cells throw nothing. @param {string | undefined} json */
const sourceMap = (json) => {
  /** @type {SourceMap | undefined} */
  let parsed;
  return () => {
    if (json === undefined) return undefined;
    /** @type {unknown} */
    const payload = JSON.parse(json);
    return (parsed ??= new SourceMap(/** @type {import('node:module').SourceMapPayload} */ (payload)));
  };
};

/** @param {CellMaps} maps @returns {CellPosition} */
export const positionBy = ({ toModule, toCell, end }) => {
  const first = sourceMap(toModule);
  const second = sourceMap(toCell);
  return (line, column) => {
    if (line - linesBefore >= end) return undefined;
    const middle = first()?.findEntry(line - 1 - linesBefore, column - 1);
    if (!middle || !('originalLine' in middle)) return undefined;
    const entry = second()?.findEntry(middle.originalLine, middle.originalColumn);
    if (!entry || !('originalLine' in entry)) return undefined;
    return { line: entry.originalLine + 1 - linesBefore, column: entry.originalColumn + 1 };
  };
};

/** Of a line of code so many characters are shown, of a message as many, and of complaints about a cell so many. */
const longestLine = 160;
const longestMessage = 1000;
const mostComplaints = 20;

/**
 * The lines around `line`, which is marked; a caret below `column`, as long as `length`. All count from 1.
 * @param {string} source @param {number} line @param {number} column @param {number} [length]
 */
const excerpt = (source, line, column, length = 1) => {
  const lines = source.split(/\r?\n/);
  const first = Math.max(1, line - 2);
  const last = Math.min(lines.length, line + 2);
  const width = String(last).length;
  /** @type {string[]} */
  const out = [];
  for (let at = first; at <= last; at++) {
    const number = String(at).padStart(width);
    const whole = lines[at - 1] ?? '';
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

/** @param {string} source @param {number} line @param {RegExp} pattern */
const isOn = (source, line, pattern) => pattern.test(source.split('\n')[line] ?? '');

/** A line of IPython's own commands, of which a cell of TypeScript has none. */
const commandOfPython = /^[ \t]*(?:%%?[a-z]\w*|!\s*[a-z]\w*(?=[ \t]|$)).*$/im;

/**
 * Of a cell that does not compile.
 * @param {{ label: string, source: string }} cell @param {readonly Diagnostic[]} diagnostics @returns {ErrorReport}
 */
export const diagnosticReport = ({ label, source }, diagnostics) => {
  const command = commandOfPython.exec(source)?.[0].trim();
  if (command !== undefined && diagnostics.some(({ start }) => isOn(source, start.line, commandOfPython))) {
    const evalue =
      `"${command.slice(0, 60)}" is a command of IPython and cells here are TypeScript; for the shell: ` +
      `import { execSync } from 'node:child_process'; execSync('…', { stdio: 'inherit' })`;
    return { ename: 'TypeScriptError', evalue, traceback: [`${red('TypeScriptError')}: ${evalue}`] };
  }
  // One complaint that explains itself in several steps comes as several diagnostics at one place.
  /** @type {Diagnostic[][]} */
  const groups = [];
  for (const diagnostic of diagnostics) {
    const group = groups.at(-1);
    const start = group?.[0]?.start.offset;
    if (start === diagnostic.start.offset && group?.[0]?.end.offset === diagnostic.end.offset) group.push(diagnostic);
    else groups.push([diagnostic]);
  }
  /** @param {string} text */
  const cut = (text) => (text.length > longestMessage ? `${text.slice(0, longestMessage)}…` : text);
  const traceback = groups.slice(0, mostComplaints).flatMap((group) => {
    const { start, end, code } = /** @type {Diagnostic} */ (group[0]);
    const length = start.line === end.line ? end.character - start.character : Infinity;
    return [
      `${bold(`cell [${label}]:${start.line + 1}:${start.character + 1}`)} ${dim(`TS${code}`)}`,
      ...excerpt(source, start.line + 1, start.character + 1, length),
      ...group.map(({ messageText }, depth) => `${'  '.repeat(depth)}${cut(messageText)}`),
      '',
    ];
  });
  const { start, messageText } = /** @type {Diagnostic} */ (groups[0]?.[0]);
  const more = groups.length > 1 ? ` (and ${groups.length - 1} more)` : '';
  const evalue = `line ${start.line + 1}: ${cut(messageText)}${more}`;
  return { ename: 'TypeScriptError', evalue, traceback: [...traceback, `${red('TypeScriptError')}: ${evalue}`] };
};

/** @typedef {{ readonly text: string, readonly excerpt: readonly string[] }} Frame `excerpt`: the lines of the cell, where it is in one */

/** @param {string} line */
const isFrame = (line) => /^\s+at /.test(line);

/** Of Node, of tslab, or of this kernel: of no use to whoever wrote the cell. @param {string} line @param {string} root */
const isMachinery = (line, root) =>
  /node:(?:vm|internal\/|async_hooks)|\/tslab\/dist\//.test(line) || line.includes(`${root}/src/kernel/`);

/** What a line of a stack trace says, if it is of use. @param {string} traced @param {Places} places @returns {Frame | undefined} */
const frameOf = (traced, { cells, root }) => {
  const line = traced.replace(/file:\/\/[^\s):]+/, (url) => fileURLToPath(url.replace(/\?.*$/, '')));
  if (isMachinery(line, root)) return undefined;
  const [, serial, row, column] = cellFrame.exec(line) ?? [];
  if (serial === undefined) return { text: line.replace(`${root}/`, ''), excerpt: [] };
  const cell = cells.get(Number(serial));
  if (!cell) return { text: line.replace(cellFrame, 'a cell long ago'), excerpt: [] };
  const at = cell.position(Number(row), Number(column));
  // No position: the function that the cell is wrapped in.
  if (!at) return undefined;
  const text = line.replace(cellFrame, `cell [${cell.label}]:${String(at.line)}:${String(at.column)}`);
  return { text, excerpt: excerpt(cell.source, at.line, at.column) };
};

/**
 * `text` with the stack traces in it, as `console.log(error)` prints them, made readable.
 * @param {string} text @param {Places} places
 */
export const withReadableTraces = (text, places) => {
  if (!cellFrame.test(text)) return text;
  /** @type {string[]} */
  const lines = [];
  for (const line of text.split('\n')) {
    const shown = isFrame(line) ? frameOf(line, places)?.text : line;
    if (shown !== undefined) lines.push(shown);
    // The last frame is followed by what else the error carries.
    else if (line.endsWith(' {') && lines.length > 0) lines.push(`${lines.pop() ?? ''} {`);
  }
  return lines.join('\n');
};

/** The serial of the cell whose code threw, as far as the stack tells. @param {RawError} error */
export const cellOf = ({ parts }) => {
  for (const part of parts) {
    const found = typeof part === 'string' ? null : cellFrame.exec(part.stack);
    if (found) return Number(found[1]);
  }
  return undefined;
};

/** @param {RawError} error @param {Places} places @returns {ErrorReport} */
export const reportOf = ({ ename, evalue, parts }, places) => {
  const value = stripVTControlCharacters(evalue);
  const traceback = parts.flatMap((part) => {
    if (typeof part === 'string') return part === '' || part.startsWith("'") ? [part] : [dimmed(part)];
    const { name, message, stack, details, brief } = part;
    const frames = stack
      .split('\n')
      .filter(isFrame)
      .flatMap((line) => frameOf(line, places) ?? [])
      .filter(({ text }) => !brief || text.includes('cell ['));
    const first = frames.find((frame) => frame.excerpt.length > 0);
    return [
      ...(first ? [...first.excerpt, ''] : []),
      ...frames.map(({ text }) => (text.includes('cell [') ? text : dim(text))),
      ...(details === '' ? [] : [dim(details)]),
      `${red(name)}: ${message}`,
    ];
  });
  return { ename, evalue: value, traceback: traceback.length > 0 ? traceback : [`${red(ename)}: ${value}`] };
};

/** What stands between two errors. @param {string} line */
const dimmed = (line) => (/^(?:Caused by:|One of them:|\[Circular|\[and more)/.test(line) ? dim(line) : line);
