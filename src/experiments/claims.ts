import type { Precision } from '../engine/precision.js';
import { differenceOf } from '../statistics/difference.js';
import { holmLevels } from '../statistics/holm.js';
import type { Interval } from '../statistics/interval.js';
import { meanOf, pValueOfMean, type Mean } from '../statistics/mean.js';
import { replicatesNeeded } from '../statistics/replicates-needed.js';
import { slopeOf } from '../statistics/slope.js';
import { verdictOf, type Verdict } from '../statistics/verdict.js';
import { findGrid } from './grids.js';
import { tableCommand, type GridSetting } from './grid.js';
import { defaultPlaces, type Places } from './places.js';
import { settingOf } from './setting.js';
import { costRatio, lastThird, rowsOnRecord, seriesOf, teacherCourse, type MeasuredRow } from './results.js';

/** Half a point of accuracy: what a difference must exceed to count, unless a claim says otherwise. */
const margin = 0.005;

/** One comparison that a claim is judged by. */
export interface Comparison {
  readonly what: string;
  readonly n: number;
  /** In the claim's unit: a fraction of accuracy, or what the claim says. */
  readonly mean: number | null;
  readonly interval: Interval | null;
  readonly verdict: Verdict;
  /** What the claim asks for: that the value lies above zero by more than this ('above'), or below by more. */
  readonly least: number;
  readonly side: 'above' | 'below';
  /** Replicates that would decide it, were its mean and deviation to stay; null where none would, or it is decided. */
  readonly needed: number | null;
}

export interface Claim {
  readonly number: number;
  /** What the paper, or its summary, says. */
  readonly text: string;
  /** The table that it is judged by. */
  readonly table: string;
  readonly compare: (rows: readonly MeasuredRow[]) => readonly Comparison[];
  /** Judged by the rows of all data sets of a scale, a list each, in place of `compare`. */
  readonly compareAll?: (rowsOfData: readonly (readonly MeasuredRow[])[]) => readonly Comparison[];
}

export interface ClaimVerdict {
  readonly claim: number;
  readonly text: string;
  readonly scale: string;
  readonly data: string;
  readonly precision: Precision;
  readonly verdict: Verdict;
  /** Of the comparison that decides least: in points of accuracy, where the claim is of accuracy. */
  readonly interval: Interval | null;
  /** What that comparison is of; null where nothing was measured. */
  readonly decidedBy: string | null;
  readonly comparisons: readonly Comparison[];
  readonly table: string;
  readonly command: string;
}

const of = (rows: readonly MeasuredRow[], method: string): MeasuredRow[] => {
  const student = rows[0]?.student;
  return rows.filter((row) => row.method === method && row.student === student);
};

/** Something that is estimated over replicates, and where it has to lie for a claim. */
interface Estimate {
  readonly what: string;
  /** With an interval at `level`, the usual one by default; undefined where nothing was measured. */
  readonly at: (level?: number) => (Mean & { readonly pValue: number | undefined }) | undefined;
  /** What it has to exceed. Default: half a point. */
  readonly least?: number;
  readonly side?: 'above' | 'below';
}

/** Comparisons that are made together: their intervals are taken at Holm's levels. */
const judgedTogether = (estimates: readonly Estimate[]): Comparison[] => {
  const known = estimates.map((estimate) => estimate.at());
  const levels = holmLevels(known.map((each) => each?.pValue ?? 1));
  return estimates.map(({ what, at, least = margin, side = 'above' }, i) => {
    const value = known[i] && at(levels[i]);
    const verdict = verdictOf(value?.interval, least, side);
    return {
      ...{ what, least, side },
      n: value?.n ?? 0,
      mean: value?.mean ?? null,
      interval: value?.interval ?? null,
      verdict,
      needed: value && verdict === 'undecided' ? replicatesNeeded(value, least, levels[i]) : null,
    };
  });
};

interface Pair {
  readonly first: string;
  readonly second: string;
  readonly attack: string;
}

/** One method less another under an attack. */
const difference =
  (rows: readonly MeasuredRow[]) =>
  ({ first, second, attack }: Pair): Estimate => ({
    what: `${first} − ${second}, ${attack}`,
    at: (level) =>
      differenceOf(seriesOf(of(rows, first), attack), seriesOf(of(rows, second), attack), {
        margin,
        ...(level === undefined ? {} : { level }),
      }),
  });

const differences = (rows: readonly MeasuredRow[], pairs: readonly Pair[]): Comparison[] =>
  judgedTogether(pairs.map(difference(rows)));

/**
 * The mean of what was measured in each replicate.
 * @param leastDeviation what the values are known to
 */
const meanEstimate = (
  what: string,
  values: readonly number[],
  {
    least = margin,
    side = 'above',
    leastDeviation = 0,
  }: Pick<Estimate, 'least' | 'side'> & { readonly leastDeviation?: number } = {},
): Estimate => ({
  ...{ what, least, side },
  at: (level) => {
    const mean = meanOf(values, level, leastDeviation);
    return mean && { ...mean, pValue: pValueOfMean(mean, least) };
  },
});

/** One method against another under attacks, judged together. */
export const compareMethods = (
  rows: readonly MeasuredRow[],
  first: string,
  second: string,
  attacks: readonly string[] = ['clean', 'pgd-sat'],
): Comparison[] =>
  differences(
    rows,
    attacks.map((attack) => ({ first, second, attack })),
  );

/** What a comparison says of the opposite. */
const opposite: Readonly<Record<Verdict, Verdict>> = {
  supported: 'contradicted',
  contradicted: 'supported',
  undecided: 'undecided',
};

/**
 * That a method does not improve both accuracies over adversarial training: shown where one of the two differences lies
 * beyond the margin on the wrong side, refuted where both lie beyond it on the right one.
 */
const improvesNotBoth = (both: readonly Comparison[]): Comparison => {
  const byMean = [...both].sort((a, b) => (a.mean ?? Infinity) - (b.mean ?? Infinity)) as [Comparison];
  // One that is shown to be worse decides; else the worse of the two, and both have to be decided.
  const shown = byMean.find(({ verdict }) => verdict === 'contradicted') ?? byMean[0];
  const verdict = opposite[all(both)];
  const open = (shown.mean ?? 0) < 0 ? [shown] : both.filter((each) => each.verdict === 'undecided');
  const isOpen = verdict === 'undecided' && open.every((each) => each.needed !== null);
  const needed = isOpen ? Math.max(...open.map((each) => each.needed!)) : null;
  return { ...shown, what: `not both: ${shown.what}`, side: 'below', verdict, needed };
};

/**
 * Differences of CIARD and baselines, averaged over data sets within each replicate that all of them have, then over
 * replicates.
 */
const averagedDifferences = (
  rowsOfData: readonly (readonly MeasuredRow[])[],
  baselines: readonly string[],
  attacks: readonly string[],
): Estimate[] =>
  baselines.flatMap((second) =>
    attacks.map((attack) => {
      const perData = rowsOfData.map((rows) => {
        const difference = differenceOf(seriesOf(of(rows, 'ciard'), attack), seriesOf(of(rows, second), attack));
        return new Map(difference?.replicates.map((replicate, i) => [replicate, difference.differences[i]!]));
      });
      const shared = [...(perData[0]?.keys() ?? [])].filter((replicate) =>
        perData.every((each) => each.has(replicate)),
      );
      const averages = shared.map(
        (replicate) => perData.reduce((sum, each) => sum + each.get(replicate)!, 0) / perData.length,
      );
      // Accuracies are whole numbers of images: what agrees by chance is known to one of one data set.
      const images = rowsOfData.flatMap((rows) =>
        seriesOf(of(rows, 'ciard'), attack).map(({ outcome }) => outcome!.length),
      );
      return meanEstimate(
        `ciard − ${second}, ${attack}, over ${rowsOfData.length} data set${rowsOfData.length === 1 ? '' : 's'}`,
        averages,
        { leastDeviation: 1 / (Math.min(...images) * rowsOfData.length) },
      );
    }),
  );

/** Every one has to hold; one that is contradicted contradicts all. */
const all = (comparisons: readonly Comparison[]): Verdict =>
  comparisons.some(({ verdict }) => verdict === 'contradicted')
    ? 'contradicted'
    : comparisons.length > 0 && comparisons.every(({ verdict }) => verdict === 'supported')
      ? 'supported'
      : 'undecided';

/** The methods with teachers, but for CIARD. */
const distillations = ['ard', 'iad', 'rslad', 'adaad', 'mtard', 'b-mtard'];

const robustAttacks = ['pgd-sat', 'cw', 'autoattack'];

const against = (baselines: readonly string[], attacks: readonly string[]) =>
  baselines.flatMap((second) => attacks.map((attack) => ({ first: 'ciard', second, attack })));

/** What a replicate's training cost in processor seconds, relative to another method's. */
const relativeCost = (rows: readonly MeasuredRow[], method: string, other: string): number[] =>
  of(rows, method).flatMap(({ replicate, training }) => {
    const ratio = costRatio(training, of(rows, other).find((row) => row.replicate === replicate)?.training);
    return ratio === undefined ? [] : [ratio - 1];
  });

const slopes = (rows: readonly MeasuredRow[], course: (row: MeasuredRow) => { x: number; y: number }[]): number[] =>
  rows.map(course).flatMap((points) => (points.length > 1 ? [slopeOf(points)] : []));

/** The claims that the tables are to decide, with their comparisons; fixed before the runs. */
export const claims: readonly Claim[] = [
  {
    number: 1,
    text: 'CIARD is more robust and more accurate than ARD, MTARD and B-MTARD.',
    table: 'students',
    compare: (rows) => differences(rows, against(['ard', 'mtard', 'b-mtard'], ['clean', ...robustAttacks])),
  },
  {
    number: 2,
    text: 'CIARD is the only method that improves both clean and robust accuracy (here: over PGD-AT).',
    table: 'students',
    compare: (rows) => {
      const pairs = ['ciard', 'trades', ...distillations].map((first) =>
        ['clean', 'pgd-sat'].map((attack) => ({ first, second: 'pgd-at', attack })),
      );
      const judged = differences(rows, pairs.flat());
      const [own, ...others] = pairs.map((pair, i) => judged.slice(2 * i, 2 * i + pair.length));
      return [...own!, ...others.map(improvesNotBoth)];
    },
  },
  {
    number: 3,
    text: 'Its advantages are consistent over PGD-20, CW and AutoAttack.',
    table: 'students',
    compare: (rows) => differences(rows, against(['b-mtard'], robustAttacks)),
  },
  {
    number: 4,
    text: 'Without the push loss clean and robust accuracy fall.',
    table: 'ablation-terms',
    compare: (rows) => differences(rows, against(['ciard-without-push'], ['clean', 'pgd-sat'])),
  },
  {
    number: 5,
    text: 'Without ITT robust accuracy declines late in training.',
    table: 'ablation-itt',
    compare: (rows) =>
      judgedTogether([
        meanEstimate(
          'slope of robust accuracy over the last third, an epoch',
          slopes(of(rows, 'ciard-without-itt'), lastThird),
          { least: 0, side: 'below' },
        ),
      ]),
  },
  {
    number: 6,
    text: 'The robust teacher degrades on the student’s adversarial images, and ITT prevents it.',
    table: 'degradation',
    compare: (rows) =>
      judgedTogether([
        meanEstimate(
          'the teacher’s slope without ITT, an epoch',
          slopes(of(rows, 'ciard-without-itt'), teacherCourse),
          {
            least: 0,
            side: 'below',
          },
        ),
        meanEstimate('the teacher’s slope with ITT, an epoch', slopes(of(rows, 'ciard'), teacherCourse), { least: 0 }),
      ]),
  },
  {
    number: 7,
    text: 'ITT costs 15 to 20 % of training time: more than a tenth.',
    table: 'cost',
    compare: (rows) =>
      judgedTogether([
        meanEstimate(
          'the share that ITT adds, less a tenth',
          relativeCost(rows, 'ciard', 'ciard-without-itt').map((share) => share - 0.1),
          { least: 0 },
        ),
      ]),
  },
  {
    number: 8,
    text: 'Retraining every ten epochs is more robust than at every step or never.',
    table: 'ablation-itt',
    compare: (rows) => differences(rows, against(['ciard-every-step', 'ciard-without-itt'], ['pgd-sat'])),
  },
  {
    number: 9,
    text: 'Averaged over the data sets CIARD gains robust and clean accuracy over every baseline.',
    table: 'students',
    compare: (rows) => judgedTogether(averagedDifferences([rows], distillations, ['clean', 'pgd-sat'])),
    compareAll: (rowsOfData) => judgedTogether(averagedDifferences(rowsOfData, distillations, ['clean', 'pgd-sat'])),
  },
  {
    number: 10,
    text: 'Natural training breaks under attack; adversarial training trades accuracy for robustness.',
    table: 'students',
    compare: (rows) =>
      differences(rows, [
        { first: 'natural', second: 'pgd-at', attack: 'clean' },
        { first: 'pgd-at', second: 'natural', attack: 'pgd-sat' },
      ]),
  },
];

/** The verdicts of all claims at a setting, from the records that are there. */
export const verdicts = async (setting: GridSetting, places: Places = defaultPlaces()): Promise<ClaimVerdict[]> => {
  const rowsOf = new Map<string, MeasuredRow[]>();
  const found: ClaimVerdict[] = [];
  const { scale, replicates, precision } = setting;
  for (const { number, text, table, compare, compareAll } of claims) {
    const rows = rowsOf.get(table) ?? (await rowsOnRecord(findGrid(table), setting, places));
    rowsOf.set(table, rows);
    const others = compareAll
      ? await Promise.all(
          scale.datasets.map(async (data) =>
            data === setting.data.name
              ? rows
              : rowsOnRecord(
                  findGrid(table),
                  await settingOf(scale.name, { data, replicates: replicates.length, precision }),
                  places,
                ),
          ),
        )
      : [];
    const comparisons = compareAll ? compareAll(others) : compare(rows);
    const verdict = all(comparisons);
    const measured = comparisons.filter(({ n }) => n > 0);
    const deciding = measured.find((each) => each.verdict === verdict) ?? measured[0];
    found.push({
      claim: number,
      text,
      scale: setting.scale.name,
      data: setting.data.name,
      precision,
      verdict,
      interval: deciding?.interval ?? null,
      decidedBy: deciding?.what ?? null,
      comparisons,
      table,
      command: tableCommand(table, setting),
    });
  }
  return found;
};
