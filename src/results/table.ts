import { attackColumn, inColumnOrder } from '../attacks/catalogue.js';
import { UserError } from '../errors.js';
import { accuracyOf } from '../evaluation/accuracy.js';
import { percent } from '../percent.js';
import type { ResultRecord } from './record.js';

/** The attacks that occur in `records`, in the order of a table's columns. */
export const attacksOf = (records: readonly ResultRecord[]): string[] =>
  inColumnOrder(records.flatMap(({ attacks }) => Object.keys(attacks)));

/** A cell: ours, and the paper's number in brackets where there is one. */
const cell = (record: ResultRecord, attack: string): string => {
  const measured = record.attacks[attack];
  const ours = measured ? percent(accuracyOf(measured)) : '–';
  const paper = record.paper?.values[attack];
  return paper === undefined ? ours : `${ours} (${paper.toFixed(2)})`;
};

/** W-Robust by PGD_sat: (clean + robust) / 2. */
const wRobust = ({ attacks }: ResultRecord): string => {
  const { clean, 'pgd-sat': robust } = attacks;
  return clean && robust ? percent((accuracyOf(clean) + accuracyOf(robust)) / 2) : '–';
};

const header = (records: readonly ResultRecord[]): string[] => [
  'Network',
  'Trained by',
  ...attacksOf(records).map((attack) => attackColumn(attack)),
  'W-Robust',
];

const rows = (records: readonly ResultRecord[]): string[][] =>
  records.map((record) => [
    `${record.architecture}${record.width === 1 ? '' : ` × ${record.width}`}`,
    record.role === 'student' ? record.title : `${record.title} (${record.role})`,
    ...attacksOf(records).map((attack) => cell(record, attack)),
    wRobust(record),
  ]);

/** The widest half-interval of a column at 95 %, in points: what a difference must exceed to mean anything. */
const uncertainty = (records: readonly ResultRecord[]): number =>
  Math.max(
    ...records.flatMap(({ attacks }) => Object.values(attacks).map(({ interval }) => 50 * (interval[1] - interval[0]))),
  );

/** Notes that belong under the table of these results. */
const notes = (records: readonly ResultRecord[]): string[] => {
  const totals = [...new Set(records.flatMap(({ attacks }) => Object.values(attacks).map(({ total }) => total)))];
  const titlesBySource = new Map<string, string[]>();
  for (const { title, attacks, paper } of records) {
    if (!paper || !Object.keys(attacks).some((attack) => attack in paper.values)) continue;
    titlesBySource.set(paper.source, [...(titlesBySource.get(paper.source) ?? []), title]);
  }
  const sources = [...titlesBySource].map(([source, titles]) => `${titles.join(', ')}: ${source}`);
  return [
    `Accuracy in percent on ${totals.join(' or ')} test images, ε ${(255 * (records[0]?.epsilon ?? 0)).toFixed(0)}/255; ` +
      `95 % intervals are within ± ${uncertainty(records).toFixed(1)} points; one seed.`,
    ...(sources.length > 0
      ? [`In brackets: published numbers, of full training at full width (${sources.join('; ')}).`]
      : []),
  ];
};

const requireRecords = (records: readonly ResultRecord[]): void => {
  if (records.length === 0) throw new UserError('there are no results to make a table of.');
};

/** The results as a Markdown table. @throws UserError where there are none */
export const markdownTable = (records: readonly ResultRecord[]): string => {
  requireRecords(records);
  const lines = [header(records), header(records).map((_, i) => (i < 2 ? '---' : '---:')), ...rows(records)];
  return `${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n\n${notes(records).join(' ')}\n`;
};

/** The results as text for a terminal, in columns. @throws UserError where there are none */
export const textTable = (records: readonly ResultRecord[]): string => {
  requireRecords(records);
  const lines = [header(records), ...rows(records)];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const text = lines.map((line) =>
    line
      .map((value, column) => (column < 2 ? value.padEnd(widths[column]!) : value.padStart(widths[column]!)))
      .join('  '),
  );
  return `${[text[0]!, widths.map((width) => '─'.repeat(width)).join('  '), ...text.slice(1)].join('\n')}\n${notes(records).join('\n')}\n`;
};

/** The results as CSV (RFC 4180): one row a network, counts as well as fractions. @throws UserError where there are none */
export const csvTable = (records: readonly ResultRecord[]): string => {
  requireRecords(records);
  const attacks = attacksOf(records);
  const quote = (value: string | number): string => {
    const text = String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines: (string | number)[][] = [
    [
      'id',
      'role',
      'method',
      'architecture',
      'width',
      'dataset',
      'seed',
      ...attacks.flatMap((attack) => [`${attack}_accuracy`, `${attack}_low`, `${attack}_high`, `${attack}_paper`]),
      'test_images',
    ],
    ...records.map((record) => [
      record.id,
      record.role,
      record.method,
      record.architecture,
      record.width,
      record.dataset,
      record.seed,
      ...attacks.flatMap((attack) => {
        const measured = record.attacks[attack];
        const paper = record.paper?.values[attack];
        return [
          ...(measured ? [accuracyOf(measured), measured.interval[0], measured.interval[1]] : ['', '', '']),
          paper === undefined ? '' : paper / 100,
        ];
      }),
      record.attacks['clean']?.total ?? '',
    ]),
  ];
  return `${lines.map((line) => line.map(quote).join(',')).join('\r\n')}\r\n`;
};
