import { columnGroups, type Cell, type Table } from './table.js';

/** What a letter is written as. Braces keep a command from what follows it. */
const commands: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '&': '\\&',
  '%': '\\%',
  // Of the mathematical font: small installations lack that of the text's.
  $: '\\(\\mathdollar\\)',
  '#': '\\#',
  _: '\\_',
  '{': '\\{',
  '}': '\\}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  '"': "''",
  // An accent on nothing, for the same reason.
  '`': '\\`{}',
  // After the end of a row these were an option of it.
  '[': '{[}',
  ']': '{]}',
  '*': '{*}',
  '\u00a0': '~',
  '\u202f': '\\,',
  '–': '--',
  '—': '---',
  '‘': '`',
  '’': "'",
  '“': '``',
  '”': "''",
  '…': '\\ldots{}',
  '·': '\\(\\cdot\\)',
  '•': '\\(\\bullet\\)',
  '°': '\\(^{\\circ}\\)',
  '²': '\\(^{2}\\)',
  '³': '\\(^{3}\\)',
  '½': '\\(\\frac12\\)',
  '§': '\\(\\mathsection\\)',
  '±': '\\(\\pm\\)',
  '−': '\\(-\\)',
  '×': '\\(\\times\\)',
  '÷': '\\(\\div\\)',
  '∞': '\\(\\infty\\)',
  '≤': '\\(\\leq\\)',
  '≥': '\\(\\geq\\)',
  '≠': '\\(\\neq\\)',
  '≈': '\\(\\approx\\)',
  '→': '\\(\\rightarrow\\)',
  '←': '\\(\\leftarrow\\)',
  '↑': '\\(\\uparrow\\)',
  '↓': '\\(\\downarrow\\)',
  '∑': '\\(\\sum\\)',
  '✓': '\\(\\surd\\)',
  '✗': '\\(\\times\\)',
  α: '\\(\\alpha\\)',
  β: '\\(\\beta\\)',
  γ: '\\(\\gamma\\)',
  δ: '\\(\\delta\\)',
  ε: '\\(\\varepsilon\\)',
  η: '\\(\\eta\\)',
  κ: '\\(\\kappa\\)',
  λ: '\\(\\lambda\\)',
  μ: '\\(\\mu\\)',
  π: '\\(\\pi\\)',
  ρ: '\\(\\rho\\)',
  σ: '\\(\\sigma\\)',
  τ: '\\(\\tau\\)',
  χ: '\\(\\chi\\)',
  Δ: '\\(\\Delta\\)',
  Σ: '\\(\\Sigma\\)',
  ß: '\\ss{}',
  æ: '\\ae{}',
  Æ: '\\AE{}',
  ø: '\\o{}',
  Ø: '\\O{}',
  ł: '\\l{}',
  Ł: '\\L{}',
  œ: '\\oe{}',
  Œ: '\\OE{}',
  ı: '\\i{}',
};

/** Accents by their combining characters. */
const accents: Readonly<Record<string, string>> = {
  '\u0300': '\\`',
  '\u0301': "\\'",
  '\u0302': '\\^',
  '\u0303': '\\~',
  '\u0304': '\\=',
  '\u0306': '\\u',
  '\u0307': '\\.',
  '\u0308': '\\"',
  '\u030a': '\\r',
  '\u030b': '\\H',
  '\u030c': '\\v',
  '\u0327': '\\c',
};

const latexLetter = (letter: string): string => {
  if (commands[letter] !== undefined) return commands[letter];
  if (letter >= ' ' && letter <= '~') return letter;
  const [base = '', accent = '', ...more] = letter.normalize('NFD');
  if (/^[A-Za-z]$/.test(base) && accents[accent] !== undefined && more.length === 0) {
    return `${accents[accent]}{${base}}`;
  }
  const code = letter.codePointAt(0)!;
  // What no font is sure to have is named by its number.
  return code < 0x20 || code === 0x7f ? ' ' : `{[}U+${code.toString(16).toUpperCase().padStart(4, '0')}{]}`;
};

/** Text that stands for itself in LaTeX, in ASCII alone, whatever engine and fonts the document has. */
export const escapeLatex = (text: string): string => {
  const letters = Array.from(text.normalize('NFC'));
  return (
    letters
      // Two of these in a row become one sign of the font.
      .map((letter, i) => `${"-',".includes(letter) && letter === letters[i - 1] ? '{}' : ''}${latexLetter(letter)}`)
      .join('')
      .replace(/([?!])`/g, '$1{}`')
  );
};

const latexCell = (cell: Cell): string => {
  if (typeof cell === 'string') return escapeLatex(cell);
  const text = escapeLatex(cell.text);
  const detail = cell.detail === undefined ? '' : ` {\\footnotesize (${escapeLatex(cell.detail)})}`;
  return `${cell.strong ? `\\textbf{${text}}` : text}${detail}`;
};

export interface LatexOptions {
  /** For `\ref`: 'tab:students'. Letters, digits and - : . are kept. */
  readonly label?: string | undefined;
}

/**
 * The table as a `table` environment with rules of booktabs, for `\input` in a document that has `\usepackage{booktabs}`.
 * Caption and notes are part of it.
 */
export const latexOfTable = ({ caption, columns, rows, notes = [] }: Table, { label }: LatexOptions = {}): string => {
  const line = (cells: readonly string[]): string => `    ${cells.join(' & ')} \\\\`;
  const groups = columnGroups(columns);
  const groupHead = [
    line(
      groups.map(({ title, span }) => (title === undefined ? '' : `\\multicolumn{${span}}{c}{${escapeLatex(title)}}`)),
    ),
    `    ${groups
      .filter(({ title }) => title !== undefined)
      .map(({ first, span }) => `\\cmidrule(lr){${first + 1}-${first + span}}`)
      .join(' ')}`,
  ];
  const tabular = [
    `  \\begin{tabular}{${columns.map(({ align }) => (align === 'right' ? 'r' : 'l')).join('')}}`,
    '    \\toprule',
    ...(groups.length > 0 ? groupHead : []),
    line(columns.map(({ title }) => escapeLatex(title))),
    '    \\midrule',
    ...rows.map((row) => line(columns.map((_, column) => latexCell(row[column] ?? '')))),
    '    \\bottomrule',
    '  \\end{tabular}',
  ];
  return `${[
    '\\begin{table}[htbp]',
    '  \\centering',
    '  \\small',
    '  \\setlength{\\tabcolsep}{4pt}',
    ...(caption === undefined ? [] : [`  \\caption{${escapeLatex(caption)}}`]),
    ...(label === undefined ? [] : [`  \\label{${label.replace(/[^\w:.-]|_/g, '-')}}`]),
    ...(rows.length === 0 ? [] : tabular),
    ...notes.map((note) => `  \\par\\smallskip{\\footnotesize ${escapeLatex(note)}\\par}`),
    '\\end{table}',
  ].join('\n')}\n`;
};
