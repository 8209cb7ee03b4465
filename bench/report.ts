import type { Precision } from '../src/engine/precision.js';
import { percent } from '../src/percent.js';
import { textOfTable } from '../src/tables/text.js';
import { type BenchCase, caseName } from './cases.js';
import type { Measurement, SideName } from './interleave.js';
import type { Spread } from './statistics.js';
import { torchWays } from './torch-worker.js';

/** One case as the JSON file holds it. Times are medians in milliseconds; null where that side was not there. */
export interface BenchRow {
  readonly work: BenchCase['work'];
  readonly network: BenchCase['network'];
  readonly width: number;
  readonly batch: number;
  /** Of this project's side. */
  readonly precision: Precision;
  readonly ours: number;
  readonly twoProcesses: number | null;
  readonly pytorch: number | null;
  readonly channelsLast: number | null;
  readonly compiled: number | null;
  readonly compiledChannelsLast: number | null;
  /** The same four ways by autocast, in bfloat16: where `precision` is bf16. */
  readonly autocast: number | null;
  readonly autocastChannelsLast: number | null;
  readonly autocastCompiled: number | null;
  readonly autocastCompiledChannelsLast: number | null;
  /**
   * Ours to PyTorch's in NCHW and in channels_last, in the same precision (bf16: autocast), and to the least of all of
   * PyTorch's; of the medians.
   */
  readonly ratio: number | null;
  readonly ratioChannelsLast: number | null;
  readonly ratioBest: number | null;
  /** What these ratios are to be at most; null where nothing is promised. The first two are promised of float32. */
  readonly limit: number | null;
  readonly limitChannelsLast: number | null;
  readonly limitBest: number | null;
  /** Ours as a share of the measured speed of matrix products in float32, by the networks' definition; null in bf16. */
  readonly arithmetic: number | null;
  /** Quartiles, extremes and number of the timed runs, by side. */
  readonly spread: Readonly<Partial<Record<SideName, Spread>>>;
  readonly othersShare: number;
  readonly overlap: number;
}

/**
 * @param operations the floating-point operations of the case
 * @param speed those that the machine does in a second of matrix products, in float32
 */
export const rowOf = (
  benchCase: BenchCase,
  { times, othersShare, overlap }: Measurement,
  {
    operations,
    speed,
    precision,
  }: { readonly operations: number; readonly speed: number; readonly precision: Precision },
): BenchRow => {
  const ours = times.ours!.median;
  const isFloat32 = precision === 'float32';
  const medianOf = (side: SideName): number | null => times[side]?.median ?? null;
  const against = (other: number | null): number | null => (other === null ? null : ours / other);
  const torch = torchWays({ compile: true, autocast: true })
    .map(medianOf)
    .filter((median) => median !== null);
  return {
    work: benchCase.work,
    network: benchCase.network,
    width: benchCase.width,
    batch: benchCase.batch,
    precision,
    ours,
    twoProcesses: medianOf('twoProcesses'),
    pytorch: medianOf('pytorch'),
    channelsLast: medianOf('channelsLast'),
    compiled: medianOf('compiled'),
    compiledChannelsLast: medianOf('compiledChannelsLast'),
    autocast: medianOf('autocast'),
    autocastChannelsLast: medianOf('autocastChannelsLast'),
    autocastCompiled: medianOf('autocastCompiled'),
    autocastCompiledChannelsLast: medianOf('autocastCompiledChannelsLast'),
    ratio: against(medianOf(isFloat32 ? 'pytorch' : 'autocast')),
    ratioChannelsLast: against(medianOf(isFloat32 ? 'channelsLast' : 'autocastChannelsLast')),
    ratioBest: against(torch.length === 0 ? null : Math.min(...torch)),
    limit: isFloat32 ? benchCase.limit : null,
    limitChannelsLast: isFloat32 ? benchCase.limitChannelsLast : null,
    limitBest: benchCase.limitBest,
    arithmetic: isFloat32 ? operations / (ours / 1000) / speed : null,
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
  const sides = (
    [
      ['twoProcesses', 'two processes'],
      ['pytorch', 'PyTorch'],
      ['channelsLast', 'channels_last'],
      ['compiled', 'compiled'],
      ['compiledChannelsLast', 'compiled, channels_last'],
      ['autocast', 'autocast'],
      ['autocastChannelsLast', 'autocast, channels_last'],
      ['autocastCompiled', 'autocast, compiled'],
      ['autocastCompiledChannelsLast', 'autocast, compiled, channels_last'],
    ] as const
  ).filter(([side]) => rows.some((row) => row.spread[side]));
  const compared = rows.some((row) => row.ratioBest !== null);
  const heading = [
    'work/network/batch',
    rows.some(({ precision }) => precision === 'bf16') ? 'ours in bf16, ms' : 'ours, ms',
    ...sides.map(([, title]) => title),
    ...(compared ? ['ratio', 'to channels_last', 'to the best'] : []),
    'arithmetic',
    'runs',
  ];
  const lines = rows.map((row) => [
    caseName(row),
    milliseconds(row.spread.ours),
    ...sides.map(([side]) => milliseconds(row.spread[side])),
    ...(compared
      ? [
          against(row.ratio, row.limit),
          against(row.ratioChannelsLast, row.limitChannelsLast),
          against(row.ratioBest, row.limitBest),
        ]
      : []),
    row.arithmetic === null ? '–' : `${percent(row.arithmetic, 0)} %`,
    `${row.spread.ours!.runs}`,
  ]);
  return [columns(heading, lines), ...rows.flatMap(disturbances)].join('\n');
};
