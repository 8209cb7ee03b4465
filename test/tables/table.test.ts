import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa, execaSync } from 'execa';
import fc from 'fast-check';
import { places } from '../../src/setup/places.mjs';
import { csvOfTable } from '../../src/tables/csv.js';
import { htmlOfTable } from '../../src/tables/html.js';
import { escapeLatex, latexOfTable } from '../../src/tables/latex.js';
import { markdownOfTable } from '../../src/tables/markdown.js';
import { columnGroups, type Table } from '../../src/tables/table.js';
import { textOfTable } from '../../src/tables/text.js';
import { bundleOfTable } from '../../src/tables/view.js';
import { temporaryFolder } from '../temporary.js';

const table: Table = {
  caption: 'Two networks',
  columns: [{ title: 'Name' }, { title: 'Accuracy (%)', align: 'right' }],
  rows: [
    ['first', { text: '51.20', detail: '50.2–52.2', value: 0.51203, strong: true }],
    ['<b>a|b</b> & "c"', '7.00'],
  ],
  notes: ['On 10 images.'],
};

const grouped: Table = {
  columns: [
    { title: 'Method' },
    { title: 'Clean', align: 'right', group: 'ResNet-18' },
    { title: 'PGD', align: 'right', group: 'ResNet-18' },
    { title: 'Clean', align: 'right', group: 'A longer name than its column' },
  ],
  rows: [['CIARD', '88.87', '51.70', { text: '–', value: null }]],
};

/** Whatever a user may write. */
const anyText = fc.string({ unit: 'binary', maxLength: 30 });
const trickyText = fc.oneof(
  anyText,
  fc.string({ unit: fc.constantFrom(...Array.from('a,"\r\n|\\&%$#_{}~^<>[]*`-\'?!é∞ ')), maxLength: 20 }),
);
const tables = (text: fc.Arbitrary<string>): fc.Arbitrary<Table> =>
  fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.record({
      columns: fc.array(
        fc.record({
          title: text,
          align: fc.constantFrom('left' as const, 'right' as const),
          group: fc.constantFrom(undefined, 'one', 'two'),
        }),
        { minLength: width, maxLength: width },
      ),
      rows: fc.array(fc.array(text, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 4 }),
    }),
  );

/** A reader of RFC 4180, letter by letter. */
const parseCsv = (text: string): string[][] => {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') {
      for (i++; text[i] !== '"' || text[i + 1] === '"'; i++) {
        if (text[i] === '"') i++;
        field += text[i]!;
      }
    } else if (text[i] === ',') {
      row.push(field);
      field = '';
    } else if (text[i] === '\r' && text[i + 1] === '\n') {
      i++;
      rows.push([...row, field]);
      row = [];
      field = '';
    } else field += text[i]!;
  }
  assert.deepEqual([row, field], [[], ''], 'the last line is ended');
  return rows;
};

test('as text: columns of one width, numbers at the right', () => {
  const lines = textOfTable(table).split('\n');
  assert.deepEqual(lines, [
    'Two networks',
    'Name                   Accuracy (%)',
    '────────────────  ─────────────────',
    'first             51.20 (50.2–52.2)',
    '<b>a|b</b> & "c"               7.00',
    'On 10 images.',
  ]);
});

test('as text: a head over several columns, as wide as they are, or they as it', () => {
  assert.deepEqual(textOfTable(grouped).split('\n'), [
    '         ResNet-18    A longer name than its column',
    '        ────────────  ─────────────────────────────',
    'Method  Clean    PGD                          Clean',
    '──────  ─────  ─────  ─────────────────────────────',
    'CIARD   88.87  51.70                              –',
  ]);
});

test('as text: whatever a cell holds, it stays on its line and in its columns', () => {
  fc.assert(
    fc.property(tables(trickyText), (given) => {
      const lines = textOfTable(given).split('\n');
      const heads = columnGroups(given.columns).length > 0 ? 4 : 2;
      assert.equal(lines.length, heads + given.rows.length);
      const rule = lines[heads - 1]!;
      const widths = rule.split('  ').map((part) => part.length);
      assert.equal(widths.length, given.columns.length);
      for (const line of lines) assert.ok(Array.from(line).length <= rule.length);
      // Between two columns is a gap, where something stands at all.
      for (const line of lines.slice(heads)) {
        let end = 0;
        for (const width of widths.slice(0, -1)) {
          end += width;
          assert.match(
            Array.from(line)
              .slice(end, end + 2)
              .join(''),
            /^ {0,2}$/,
          );
          end += 2;
        }
      }
    }),
  );
});

test('as Markdown: what has a meaning there is escaped', () => {
  assert.deepEqual(markdownOfTable(table).split('\n'), [
    '**Two networks**',
    '',
    '| Name | Accuracy (%) |',
    '| --- | ---: |',
    '| first | **51.20 (50.2–52.2)** |',
    '| \\<b\\>a\\|b\\</b\\> & "c" | 7.00 |',
    '',
    'On 10 images.',
  ]);
  assert.match(
    markdownOfTable({ ...table, rows: [['&amp; $x$', '~~1~~']] }),
    /^\| \\&amp; \\\$x\\\$ \| \\~\\~1\\~\\~ \|$/m,
  );
  assert.ok(
    markdownOfTable({ ...table, notes: ['# no heading', '- no list', '1. none'] }).endsWith(
      '\n\n\\# no heading\n\n\\- no list\n\n1\\. none',
    ),
  );
  assert.match(markdownOfTable(grouped), /^\| Method \| ResNet-18: Clean \| ResNet-18: PGD \|/);
});

test('as Markdown: a row is a line with as many cells as there are columns', () => {
  fc.assert(
    fc.property(tables(trickyText), (given) => {
      const lines = markdownOfTable(given).split(/\r\n|\n|\r/);
      assert.equal(lines.length, 2 + given.rows.length);
      for (const line of lines) {
        const bars = line.replace(/\\[^\w\s]/g, '').match(/\|/g);
        assert.equal(bars?.length, given.columns.length + 1, JSON.stringify(line));
      }
    }),
  );
});

test('as CSV: values in full precision, nothing where there is nothing', () => {
  assert.equal(csvOfTable(table), 'Name,Accuracy (%)\r\nfirst,0.51203\r\n"<b>a|b</b> & ""c""",7.00\r\n');
  assert.equal(
    csvOfTable(grouped),
    'Method,ResNet-18: Clean,ResNet-18: PGD,A longer name than its column: Clean\r\nCIARD,88.87,51.70,\r\n',
  );
});

test('as CSV: any text is read as it was written, any number too', () => {
  fc.assert(
    fc.property(tables(trickyText), fc.double(), (given, value) => {
      const [head, ...rows] = parseCsv(csvOfTable(given));
      assert.deepEqual(
        head,
        given.columns.map(({ title, group }) => (group === undefined ? title : `${group}: ${title}`)),
      );
      assert.deepEqual(rows, given.rows);
      const [, [read]] = parseCsv(csvOfTable({ columns: [{ title: 'x' }], rows: [[{ text: 'rounded', value }]] })) as [
        string[],
        [string],
      ];
      assert.equal(Number(read), value === 0 ? 0 : value);
    }),
  );
});

test(
  'as CSV: Python’s reader reads the same',
  { skip: existsSync(places.pythonExecutable) ? false : 'needs the private Python environment' },
  async () => {
    // Python counts in characters: halves of them can't be sent to it.
    const given = fc
      .sample(
        tables(
          fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom(...Array.from('a,"\r\n ')) })),
        ),
        {
          numRuns: 200,
          seed: 1,
        },
      )
      // A line of one empty field is no line to Python.
      .filter(({ columns }) => columns.length > 1);
    const { stdout } = await execa(
      places.pythonExecutable,
      [
        '-c',
        'import csv, io, json, sys\nprint(json.dumps([list(csv.reader(io.StringIO(t, newline=""))) for t in json.load(sys.stdin)]))',
      ],
      { input: JSON.stringify(given.map(csvOfTable)) },
    );
    assert.deepEqual(
      (JSON.parse(stdout) as string[][][]).map(([, ...rows]) => rows),
      given.map(({ rows }) => rows),
    );
  },
);

test('as HTML: text is only text, and nothing that a notebook would take out', () => {
  const html = htmlOfTable(table);
  assert.ok(html.includes('<td style="text-align:left">&#60;b&#62;a|b&#60;/b&#62; &#38; &#34;c&#34;</td>'), html);
  const tags = new Set([...html.matchAll(/<\/?([a-z]+)/g)].map(([, tag]) => tag));
  assert.deepEqual([...tags].sort(), ['b', 'br', 'p', 'small', 'table', 'tbody', 'td', 'th', 'thead', 'tr']);
  assert.match(
    htmlOfTable(grouped),
    /<tr><td><\/td><th scope="colgroup" colspan="2"[^>]*>ResNet-18<\/th><th [^>]*colspan="1"/,
  );
  fc.assert(
    fc.property(tables(trickyText), (given) => {
      const text = htmlOfTable(given).replace(
        /<\/?(?:table|thead|tbody|tr|t[hd](?: (?:style|scope|colspan)="[^"<>]*")*)>/g,
        '',
      );
      assert.doesNotMatch(text, /[<>"]|&(?!#(?:34|38|60|62);)/);
    }),
  );
});

test('as LaTeX: rules of booktabs, a head over several columns, everything escaped', () => {
  assert.deepEqual(latexOfTable({ ...grouped, caption: '50 % & more' }, { label: 'tab:a b' }).split('\n'), [
    '\\begin{table}[htbp]',
    '  \\centering',
    '  \\small',
    '  \\setlength{\\tabcolsep}{4pt}',
    '  \\caption{50 \\% \\& more}',
    '  \\label{tab:a-b}',
    '  \\begin{tabular}{lrrr}',
    '    \\toprule',
    '     & \\multicolumn{2}{c}{ResNet-18} & \\multicolumn{1}{c}{A longer name than its column} \\\\',
    '    \\cmidrule(lr){2-3} \\cmidrule(lr){4-4}',
    '    Method & Clean & PGD & Clean \\\\',
    '    \\midrule',
    '    CIARD & 88.87 & 51.70 & -- \\\\',
    '    \\bottomrule',
    '  \\end{tabular}',
    '\\end{table}',
    '',
  ]);
  assert.equal(
    escapeLatex('ε ≤ 8/255, CW∞ é --x \\_{}'),
    "\\(\\varepsilon\\) \\(\\leq\\) 8/255, CW\\(\\infty\\) \\'{e} -{}-x \\textbackslash{}\\_\\{\\}",
  );
  assert.match(latexOfTable(table), /first & \\textbf\{51\.20\} \{\\footnotesize \(50\.2--52\.2\)\} \\\\/);
});

test('as LaTeX: any text is ASCII without a bare letter that has a meaning, on its line', () => {
  fc.assert(
    fc.property(trickyText, (text) => {
      const escaped = escapeLatex(text);
      assert.match(escaped, /^[ -~]*$/);
      const bare = escaped
        .replace(/\\\((?:\\[a-z]+|-|\^\{(?:\\circ|\d)\}|\\frac12)\\\)/gi, '')
        .replace(
          /\\(?:textbackslash|textasciitilde|textasciicircum|text[a-z]+|ldots|ss|ae|AE|o|O|l|L|oe|OE|i)\{\}/g,
          '',
        )
        .replace(/\\(?:[`'^~=."]|[uvHrc])\{[A-Za-z]?\}/g, '')
        .replace(/\{[[\]*]\}|\{\}|\\[&%$#_{},]/g, '');
      assert.doesNotMatch(bare, /[\\&%$#_{}^[\]<>|"*]/, JSON.stringify([text, escaped]));
    }),
    { numRuns: 1000 },
  );
});

const latex = ['pdflatex', 'tectonic'].find((name) => execaSync(name, ['--version'], { reject: false }).exitCode === 0);

test('as LaTeX: it compiles, whatever it holds', { skip: latex ? false : 'needs pdflatex or tectonic' }, async (t) => {
  const folder = temporaryFolder(t);
  const samples = fc.sample(tables(trickyText), { numRuns: 30, seed: 1 });
  const letters: Table = {
    columns: [{ title: 'all' }],
    rows: Array.from({ length: 0x2300 / 64 }, (_, row) => [
      String.fromCodePoint(...Array.from({ length: 64 }, (__, i) => 64 * row + i)),
    ]),
  };
  // A page is full of floats after a few.
  const bodies = [table, grouped, ...samples, letters].map((each) => `${latexOfTable(each)}\\clearpage`);
  const preamble =
    '\\documentclass[a4paper,landscape]{article}\\usepackage[margin=15mm]{geometry}\\usepackage{booktabs}';
  const document = [preamble, '\\begin{document}', ...bodies, '\\end{document}'].join('\n');
  writeFileSync(join(folder, 'tables.tex'), document);
  const args = latex === 'pdflatex' ? ['-halt-on-error', '-interaction=nonstopmode', 'tables.tex'] : ['tables.tex'];
  const { exitCode, stdout, stderr } = await execa(latex!, args, { cwd: folder, reject: false });
  assert.equal(exitCode, 0, `${stdout}\n${stderr}`.slice(-3000));
  assert.ok(existsSync(join(folder, 'tables.pdf')));
});

test('a table without rows is its caption', () => {
  const bundle = bundleOfTable({ caption: 'nothing', columns: table.columns, rows: [] });
  assert.deepEqual(bundle, {
    'text/html': '<p><b>nothing</b></p>',
    'text/markdown': '**nothing**\n',
    'text/plain': 'nothing',
  });
});
