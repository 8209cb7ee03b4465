import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../atomic-write.js';
import { precisions } from '../engine/precision.js';
import { markdownOfTable } from '../tables/markdown.js';
import type { Cell } from '../tables/table.js';
import { answerText } from './answers.js';
import { verdicts, type ClaimVerdict } from './claims.js';
import { intervalText, tableOfComparisons } from './comparison-table.js';
import { findingText } from './finding.js';
import type { Grid, GridSetting } from './grid.js';
import { allGrids } from './grids.js';
import { grids } from './paper-grids.js';
import type { Places } from './places.js';
import { tableFolder } from './render.js';
import { rowsOnRecord } from './results.js';
import { scales } from './scale.js';
import { scaleNames } from './scale-names.js';
import { settingOf } from './setting.js';

/** `links`: of the tables that are there. */
const claimsTable = (found: readonly ClaimVerdict[], links: ReadonlyMap<string, string>): string =>
  markdownOfTable({
    columns: ['', 'The paper says', 'Verdict', 'Interval', 'Table', 'Command'].map((title) => ({ title })),
    rows: found.map(({ claim, text, verdict, interval, decidedBy, table, command }) => [
      String(claim),
      text,
      {
        text: verdict,
        strong: verdict !== 'undecided',
        detail: decidedBy === null ? 'nothing is measured' : undefined,
      },
      { text: intervalText(interval), detail: interval && decidedBy !== null ? decidedBy : undefined },
      { text: table, href: links.get(table) },
      { text: command, code: true },
    ]),
  });

const comparisonsTable = (found: readonly ClaimVerdict[]): string => {
  const { columns, rows } = tableOfComparisons(found.flatMap(({ comparisons }) => comparisons));
  const claims = found.flatMap(({ claim, comparisons }) => comparisons.map(() => String(claim)));
  return markdownOfTable({
    columns: [{ title: 'Claim' }, ...columns],
    rows: rows.map((row, i) => [claims[i]!, ...row]),
  });
};

const listOfTables = (rows: readonly Cell[][]): string =>
  markdownOfTable({ columns: ['Table', 'Networks', 'Question'].map((title) => ({ title })), rows });

/** What is there at a setting: null where nothing was measured. */
const section = async (setting: GridSetting, places: Places): Promise<string | null> => {
  const { scale, data, precision } = setting;
  const tables: Cell[][] = [];
  const beside: Cell[][] = [];
  const answers: string[] = [];
  const made: Grid[] = [];
  const linkOf = (grid: Grid): string => `${tableFolder(grid, setting, { ...places, results: '' })}/table.md`;
  for (const grid of allGrids) {
    const rows = await rowsOnRecord(grid, setting, places);
    const whole = rows.filter(
      ({ training, evaluations, measured }) =>
        training && Object.keys(evaluations).every((attack) => attack in measured),
    ).length;
    const begun = rows.filter(({ measured }) => Object.keys(measured).length > 0).length;
    if (whole === 0 && begun === 0) continue;
    // What it shares with tables says nothing of what it asks.
    const isTable = grids.includes(grid);
    if (!isTable && !existsSync(join(places.results, linkOf(grid)))) continue;
    made.push(grid);
    const answer = answerText(grid, rows);
    if (answer !== '') answers.push(`**${grid.title}.** ${answer}`);
    const part = begun > whole ? `, ${begun - whole} in part` : '';
    (isTable ? tables : beside).push([
      { text: grid.title, href: linkOf(grid) },
      `${whole} of ${rows.length}${part}`,
      grid.question,
    ]);
  }
  if (tables.length === 0 && beside.length === 0) return null;
  const found = await verdicts(setting, places);
  const decided = (verdict: string): number => found.filter((claim) => claim.verdict === verdict).length;
  const supported = decided('supported');
  const unmeasured = found.filter(({ decidedBy }) => decidedBy === null).length;
  return [
    `## ${scale.name}: ${data.name}${precision === 'float32' ? '' : `, trained in ${precision}`}`,
    `${scale.budget}.`,
    `Of ${found.length} claims ${supported} ${supported === 1 ? 'is' : 'are'} supported, ${decided('contradicted')} contradicted, ` +
      `${decided('undecided')} undecided${unmeasured > 0 ? `, ${unmeasured} of them since nothing is measured` : ''}.`,
    claimsTable(found, new Map(made.map((grid) => [grid.name, linkOf(grid)]))),
    ...found
      .filter(({ decidedBy }) => decidedBy !== null)
      .map((claim) => `**${claim.claim}.** ${claim.text} ${findingText(claim)}`),
    'Every comparison behind them:',
    comparisonsTable(found),
    'Tables, and how many of their networks are measured:',
    listOfTables(tables),
    ...(beside.length > 0
      ? [
          'Beside the tables of the paper, what settings were chosen by and what explains results:',
          listOfTables(beside),
        ]
      : []),
    ...answers,
  ].join('\n\n');
};

const introduction = `# Results

What the records say of each claim of the paper. This page is made by \`npx ciard claims --write\` from the records beside it,
and a test fails where it is out of date.

A claim is *supported* where the whole interval lies beyond the margin (half a point of accuracy, unless the claim says
otherwise) on its side, *contradicted* where it lies beyond it on the other, else *undecided*; one with several comparisons is
supported where all are, and contradicted where one is. Claims are judged on the first student of a scale (ResNet-18, or what
stands in its place). Differences are taken within each replicate; intervals are t
intervals over replicates at 95 %, with Holm's correction over the comparisons of a claim, in points of accuracy or in per
cent of training time. The interval shown is that of the comparison that decides. What holds at a small scale on synthetic
images is said of that scale alone.`;

/** The page of verdicts at every scale, data set and precision of which there are records. */
export const resultsReadme = async (places: Places): Promise<string> => {
  const sections: string[] = [];
  for (const scale of scaleNames) {
    for (const data of scales[scale].datasets) {
      for (const precision of precisions) {
        const found = await section(await settingOf(scale, { data, precision }), places);
        if (found !== null) sections.push(found);
      }
    }
  }
  return `${[introduction, ...sections].join('\n\n').trimEnd()}\n`;
};

/** Writes `results/README.md`. @returns its path */
export const writeReadme = async (places: Places): Promise<string> => {
  const file = join(places.results, 'README.md');
  await writeAtomically(file, [await resultsReadme(places)]);
  return file;
};
