import { percent } from '../src/percent.js';
import { textOfTable } from '../src/tables/text.js';
import { type BenchCase, caseName } from './cases.js';
import type { Measurement, SideName } from './interleave.js';
import type { Spread } from './statistics.js';

/** One case as the JSON file holds it. Times are medians in milliseconds; null where that side was not there. */
export interface BenchRow {
  readonly work: BenchCase['work'];
  readonly network: BenchCase['network'];
  readonly batch: number;
  readonly ours: number;
  readonly pytorch: number | null;
  readonly channelsLast: number | null;
  /** ours / pytorch and ours / channelsLast, of the medians. */
  readonly ratio: number | null;
  readonly ratioChannelsLast: number | null;
  /** What these ratios are to be at most. */
  readonly limit: number;
  readonly limitChannelsLast: number | null;
  /** Quartiles, extremes and number of the timed runs, by side. */
  readonly spread: Readonly<Partial<Record<SideName, Spread>>>;
  readonly othersShare: number;
  readonly overlap: number;
}

export const rowOf = (benchCase: BenchCase, { times, othersShare, overlap }: Measurement): BenchRow => {
  const ours = times.ours!.median;
  const against = (other: Spread | undefined): number | null => (other ? ours / other.median : null);
  return {
    work: benchCase.work,
    network: benchCase.network,
    batch: benchCase.batch,
    ours,
    pytorch: times.pytorch?.median ?? null,
    channelsLast: times.channelsLast?.median ?? null,
    ratio: against(times.pytorch),
    ratioChannelsLast: against(times.channelsLast),
    limit: benchCase.limit,
    limitChannelsLast: benchCase.limitChannelsLast,
    spread: times,
    othersShare,
    overlap,
  };
};

const milliseconds = (time: Spread | undefined): string => {
  if (!time) return '–';
  const digits = time.median < 100 ? 1 : 0;
  return `${time.median.toFixed(digits)} (${time.q1.toFixed(digits)}–${time.q3.toFixed(digits)})`;
};

const against = (ratio: number | null, limit: number | null): string => {
  if (ratio === null) return '–';
  if (limit === null) return ratio.toFixed(2);
  return `${ratio.toFixed(2)} of ${limit.toFixed(2)}${ratio > limit ? ' over' : ''}`;
};

/** `rows` under their heading, in columns. */
export const columns = (heading: readonly string[], rows: readonly (readonly string[])[]): string =>
  textOfTable({ columns: heading.map((title) => ({ title })), rows });

/** A sentence where other processes disturbed a measurement. */
export const disturbance = (name: string, othersShare: number): string[] =>
  othersShare > 0.05
    ? [`${name}: other processes took ${percent(othersShare, 0)} % of the machine; measure again when it is idle.`]
    : [];

/** What disturbed a measurement, as sentences. */
const disturbances = (row: BenchRow): string[] => {
  const name = caseName(row);
  return [
    ...disturbance(name, row.othersShare),
    ...(row.overlap > 0.05 ? [`${name}: the side that waited used ${percent(row.overlap, 0)} % of a processor.`] : []),
  ];
};

/** The rows as a table: median (quartiles) in milliseconds, ratios of the medians beside what they are to be at most. */
export const table = (rows: readonly BenchRow[]): string => {
  const compared = rows.some((row) => row.pytorch !== null);
  const heading = [
    'work/network/batch',
    'ours, ms',
    ...(compared ? ['PyTorch', 'channels_last', 'ratio', 'ratio, channels_last'] : []),
    'runs',
  ];
  const lines = rows.map((row) => [
    caseName(row),
    milliseconds(row.spread.ours),
    ...(compared
      ? [
          milliseconds(row.spread.pytorch),
          milliseconds(row.spread.channelsLast),
          against(row.ratio, row.limit),
          against(row.ratioChannelsLast, row.limitChannelsLast),
        ]
      : []),
    `${row.spread.ours!.runs}`,
  ]);
  return [columns(heading, lines), ...rows.flatMap(disturbances)].join('\n');
};
