import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { attackColumn, inColumnOrder } from '../attacks/catalogue.js';
import { writeAtomically } from '../atomic-write.js';
import { decimal } from '../percent.js';
import { csvOfTable } from '../tables/csv.js';
import { htmlOfTable } from '../tables/html.js';
import { latexOfTable } from '../tables/latex.js';
import { markdownOfTable } from '../tables/markdown.js';
import type { Cell, Table } from '../tables/table.js';
import { answerText } from './answers.js';
import { settingName, settingTitle, type Grid, type GridSetting } from './grid.js';
import type { Places } from './places.js';
import { renderSvg } from '../figures/render-svg.js';
import { tableFigures } from './figures.js';
import { recordsOf, wRobustName, type MeasuredRow, type ResultRow, type Value } from './results.js';

const ownColumns: Readonly<Record<string, string>> = {
  [wRobustName]: 'W-Robust',
  'held-out-clean': 'Clean, held out',
  'held-out-robust': 'PGD, held out',
  'held-out-w-robust': 'W-Robust, held out',
  'training-clean': 'Clean, training images',
  'test-clean': 'Clean, test images',
  'gap-clean': 'Clean, gap',
  'training-robust': 'PGD-20, training images',
  'test-robust': 'PGD-20, test images',
  'gap-robust': 'PGD-20, gap',
  first: 'Teacher, first epoch',
  last: 'Teacher, last epoch',
  slope: 'Teacher, points an epoch',
  'student-slope': 'Student, points an epoch (last third)',
  seconds: 'Processor seconds',
  'relative-to-pgd-at': '× PGD-AT',
};

const columnTitle = (name: string): string => ownColumns[name] ?? attackColumn(name);

/** The minus of text, as differences have it. */
const signed = (number: string): string => number.replace('-', '−');

const numberText = ({ mean, sd, n, warned }: Value): string =>
  `${signed(decimal(mean))}${sd === null ? '' : ` ± ${decimal(sd)}`} (${n})${warned ? ' !' : ''}`;

const valueCell = (value: Value | undefined): Cell => {
  if (!value) return { text: '–', value: null };
  const { mean, paper, source } = value;
  if (paper === null) return { text: numberText(value), value: mean };
  const difference = mean - paper;
  return {
    text: numberText(value),
    detail: `${source ?? ''} ${decimal(paper)}, ${difference < 0 ? '−' : '+'}${decimal(Math.abs(difference))}`,
    value: mean,
  };
};

const isShown = ({ n }: ResultRow): boolean => n > 0;

/** The columns of rows: attacks in their order, then what is no attack. */
const columnsOf = (rows: readonly ResultRow[]): string[] => {
  const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  const own = names.filter((name) => name in ownColumns);
  return [...inColumnOrder(names.filter((name) => !own.includes(name))), ...own];
};

const missingText = (n: number, what: string): string =>
  n === 1 ? `One ${what} is not done yet.` : `${n} ${what}s are not done yet.`;

/** Sentences under a table: how to read it, what it was made with, what is doubtful. */
const notesOf = (
  grid: Grid,
  setting: GridSetting,
  rows: readonly ResultRow[],
  measured: readonly MeasuredRow[],
  missing: number,
): string[] => {
  const records = recordsOf(measured);
  const processors = [...new Set(measured.flatMap(({ training }) => training?.environment.cpu ?? []))].sort();
  const warnings = [...new Set(records.flatMap(({ warnings: own }) => own))];
  const hasPaper = rows.some(({ values }) => Object.values(values).some(({ paper }) => paper !== null));
  const answer = answerText(grid, measured);
  return [
    ...(answer === '' ? [] : [answer]),
    `${grid.budget?.(setting.scale) ?? setting.scale.budget}.`,
    grid.columns === 'attacks'
      ? 'Accuracy in percent, ε 8/255: mean ± standard deviation (replicates).'
      : 'Mean ± standard deviation (replicates).',
    ...(hasPaper
      ? [
          'In brackets: the published number of full training at full width, by the paper that printed it, and the difference.',
        ]
      : []),
    ...(grid.columns === 'cost' && processors.length > 1
      ? [
          `Trained on ${processors.length} kinds of processor (${processors.join(', ')}): seconds say something of each other on one alone.`,
        ]
      : []),
    ...(missing > 0 ? [missingText(missing, grid.columns === 'held-out' ? 'training' : 'evaluation')] : []),
    ...(warnings.length > 0 ? [`! stands where there was a warning: ${warnings.join('; ')}`] : []),
  ];
};

/** How many evaluations rows lack, or trainings, where those are what the table is of. */
const missingOf = ({ columns }: Grid, measured: readonly MeasuredRow[]): number =>
  columns === 'held-out'
    ? measured.filter(({ training }) => !training).length
    : measured.reduce(
        (sum, { evaluations, measured: found }) => sum + Object.keys(evaluations).length - Object.keys(found).length,
        0,
      );

/**
 * A table of a grid. A row of which nothing is measured is not shown.
 * @param missing how many evaluations (trainings, in a pilot) are not done; those that the rows lack by default
 */
export const resultTable = (
  grid: Grid,
  setting: GridSetting,
  rows: readonly ResultRow[],
  measured: readonly MeasuredRow[],
  missing = missingOf(grid, measured),
): Table => {
  const names = columnsOf(rows);
  return {
    caption: `${grid.title} (${settingTitle(setting)})`,
    columns: [
      { title: 'Student' },
      { title: 'Trained by' },
      ...names.map((name) => ({ title: columnTitle(name), align: 'right' as const })),
    ],
    rows: rows
      .filter(isShown)
      .map(({ student, title, values }) => [student, title, ...names.map((name) => valueCell(values[name]))]),
    notes: notesOf(grid, setting, rows, measured, missing),
  };
};

/** Every number of a table for machines: a column each for mean, deviation, replicates and the paper's number. */
const csvTable = (rows: readonly ResultRow[]): Table => {
  const names = columnsOf(rows);
  const number = (value: number | null | undefined): Cell => ({ text: String(value ?? ''), value: value ?? null });
  return {
    columns: [
      'student',
      'method',
      'title',
      ...names.flatMap((name) => ['mean', 'sd', 'n', 'paper'].map((part) => `${name}_${part}`)),
    ].map((title) => ({ title })),
    rows: rows.filter(isShown).map(({ student, method, title, values }) => [
      student,
      method,
      title,
      ...names.flatMap((name) => {
        const value = values[name];
        return [number(value?.mean), number(value?.sd), number(value?.n), number(value?.paper)];
      }),
    ]),
  };
};

/** The folder of a table at a setting: `results/students/synthetic-quick`. */
export const tableFolder = (grid: Grid, setting: GridSetting, { results }: Places): string =>
  join(results, grid.name, settingName(setting));

/** Writes a table in all its forms. @returns its Markdown file */
export const writeTable = async (
  grid: Grid,
  setting: GridSetting,
  rows: readonly ResultRow[],
  measured: readonly MeasuredRow[],
  places: Places,
  missing?: number,
): Promise<string> => {
  const folder = tableFolder(grid, setting, places);
  const table = resultTable(grid, setting, rows, measured, missing);
  await mkdir(folder, { recursive: true });
  const { caption, ...rest } = table;
  const label = `tab:${grid.name}-${settingName(setting)}`;
  const figures = tableFigures(grid, setting, rows);
  const pictures = figures.map(({ student }) => `\n![Clean against robust accuracy, ${student}](${student}.svg)\n`);
  for (const { student, figure } of figures) {
    await writeAtomically(join(folder, `${student}.svg`), [await renderSvg(figure)]);
  }
  await writeAtomically(join(folder, 'table.md'), [
    `# ${caption ?? grid.title}\n\n${grid.question}\n\n${markdownOfTable(rest)}\n${pictures.join('')}`,
  ]);
  await writeAtomically(join(folder, 'table.csv'), [csvOfTable(csvTable(rows))]);
  await writeAtomically(join(folder, 'table.tex'), [latexOfTable(table, { label })]);
  await writeAtomically(join(folder, 'table.html'), [
    `<!doctype html>\n<meta charset="utf-8">\n${htmlOfTable(table)}\n`,
  ]);
  return join(folder, 'table.md');
};
