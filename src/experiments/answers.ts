import { attackColumn } from '../attacks/catalogue.js';
import { percent } from '../percent.js';
import { meanOf } from '../statistics/mean.js';
import { pairsOf, type Series } from '../statistics/series.js';
import { pointsText } from './comparison-table.js';
import { onTrainingImages, type Grid } from './grid.js';
import { seriesOf, type MeasuredRow } from './results.js';

/** An accuracy and by how much it is above another, over the replicates that both have. */
const compare = (
  rows: Series,
  others: Series,
): { readonly first: number; readonly second: number; readonly difference: number; readonly n: number } | undefined => {
  const pairs = pairsOf(rows, others);
  const [first, second] = (['first', 'second'] as const).map((which) =>
    meanOf(pairs.map((pair) => pair[which].accuracy)),
  );
  if (!first || !second) return undefined;
  return { first: first.mean, second: second.mean, difference: first.mean - second.mean, n: pairs.length };
};

const attacks = ['pgd-sat', 'clean'] as const;
const replicatesText = (n: number): string => `${n} replicate${n === 1 ? '' : 's'}`;
const methodsOf = (rows: readonly MeasuredRow[]): string[] => [...new Set(rows.map(({ method }) => method))];

/** How far each method is from adversarial training, at both widths, over the replicates that all four have. */
const ofWidths = (rows: readonly MeasuredRow[]): string => {
  const of = (method: string): MeasuredRow[] => rows.filter((row) => row.method === method);
  const width = (row: MeasuredRow): string => `at a width of ${row.train.network.width}`;
  const sentences = methodsOf(rows).flatMap((method): string[] => {
    if (method === 'pgd-at' || method.endsWith('-wider')) return [];
    const four = [of(method), of('pgd-at'), of(`${method}-wider`), of('pgd-at-wider')] as const;
    const [own, base, wider] = four.map(([first]) => first);
    if (!own || !base || !wider) return [];
    const parts = attacks.flatMap((attack): string[] => {
      const all = four.map((list) => seriesOf(list, attack));
      const isCommon = (replicate: number): boolean =>
        all.every((series) => series.some((each) => each.replicate === replicate));
      const [usual = [], usualBase = [], wide = [], wideBase = []] = all.map((series) =>
        series.filter(({ replicate }) => isCommon(replicate)),
      );
      const [at, atWider] = [compare(usual, usualBase), compare(wide, wideBase)];
      if (!at || !atWider) return [];
      return [
        `${attackColumn(attack)} ${pointsText(at.difference)} ${width(own)}, ${pointsText(atWider.difference)} ` +
          `${width(wider)} (${replicatesText(at.n)})`,
      ];
    });
    return parts.length === 0 ? [] : [`${own.title} less ${base.title}: ${parts.join('; ')}.`];
  });
  return sentences.join(' ');
};

const gapText = ({ difference, title, n }: { difference: number; title: string; n: number }): string =>
  `${pointsText(difference)} (${title}, ${replicatesText(n)})`;

/** How much better each method is on what it was trained on. */
const ofGeneralisation = (rows: readonly MeasuredRow[]): string => {
  const sentences = attacks.flatMap((attack): string[] => {
    const gaps = methodsOf(rows).flatMap((method) => {
      const own = rows.filter((row) => row.method === method);
      const gap = compare(seriesOf(own, onTrainingImages(attack)), seriesOf(own, attack));
      return gap ? [{ ...gap, method, title: own[0]!.title }] : [];
    });
    const base = gaps.find(({ method }) => method === 'pgd-at');
    if (!base) return [];
    const byGap = [...gaps].sort((a, b) => a.difference - b.difference);
    const [least, most] = [byGap[0]!, byGap.at(-1)!];
    return [
      `${attackColumn(attack)}: ${base.title} is right on ${percent(base.first)} % of training images and ` +
        `${percent(base.second)} % of test images (${replicatesText(base.n)})` +
        (gaps.length > 1 ? `; of ${gaps.length} methods the gap is from ${gapText(least)} to ${gapText(most)}.` : '.'),
    ];
  });
  return sentences.join(' ');
};

const answers: Readonly<Record<string, (rows: readonly MeasuredRow[]) => string>> = {
  'student-width': ofWidths,
  generalisation: ofGeneralisation,
};

/** What was measured says to the question of a table, in sentences; nothing where it is not asked in one, or not measured. */
export const answerText = ({ name }: Grid, rows: readonly MeasuredRow[]): string => answers[name]?.(rows) ?? '';
