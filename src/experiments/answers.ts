import { attackColumn } from '../attacks/catalogue.js';
import { percent } from '../percent.js';
import { meanOf } from '../statistics/mean.js';
import { pairsOf } from '../statistics/series.js';
import { pointsText } from './comparison-table.js';
import { onTrainingImages, type Grid } from './grid.js';
import { seriesOf, type MeasuredRow } from './results.js';

/** An accuracy and by how much it is above another, over the replicates that both have. */
const compare = (
  [rows, attack]: readonly [readonly MeasuredRow[], string],
  [others, other]: readonly [readonly MeasuredRow[], string],
): { readonly first: number; readonly second: number; readonly difference: number; readonly n: number } | undefined => {
  const pairs = pairsOf(seriesOf(rows, attack), seriesOf(others, other));
  const [first, second] = (['first', 'second'] as const).map((which) =>
    meanOf(pairs.map((pair) => pair[which].accuracy)),
  );
  if (!first || !second) return undefined;
  return { first: first.mean, second: second.mean, difference: first.mean - second.mean, n: pairs.length };
};

const attacks = ['pgd-sat', 'clean'] as const;
const replicatesText = (n: number): string => `${n} replicate${n === 1 ? '' : 's'}`;
const methodsOf = (rows: readonly MeasuredRow[]): string[] => [...new Set(rows.map(({ method }) => method))];

/** How far each method is from adversarial training, at both widths, over the replicates that both widths have. */
const ofWidths = (rows: readonly MeasuredRow[]): string => {
  const of = (method: string): MeasuredRow[] => rows.filter((row) => row.method === method && row.training);
  const [base, baseWider] = ['pgd-at', 'pgd-at-wider'].map(of);
  const sentences = methodsOf(rows).flatMap((method): string[] => {
    if (method === 'pgd-at' || method.endsWith('-wider')) return [];
    const lists = [of(method), base!, of(`${method}-wider`), baseWider!];
    const isCommon = ({ replicate }: MeasuredRow): boolean =>
      lists.every((list) => list.some((row) => row.replicate === replicate));
    const [usual, baseUsual, wider, baseWide] = lists.map((list) => list.filter(isCommon)) as [
      MeasuredRow[],
      MeasuredRow[],
      MeasuredRow[],
      MeasuredRow[],
    ];
    const [first] = usual;
    if (!first) return [];
    const parts = attacks.flatMap((attack): string[] => {
      const [at, atWider] = [
        compare([usual, attack], [baseUsual, attack]),
        compare([wider, attack], [baseWide, attack]),
      ];
      if (!at || !atWider) return [];
      return [
        `${attackColumn(attack)} ${pointsText(at.difference)} at a width of ${first.train.network.width}, ` +
          `${pointsText(atWider.difference)} at ${wider[0]!.train.network.width}`,
      ];
    });
    if (parts.length === 0) return [];
    return [`${first.title} less ${baseUsual[0]!.title}: ${parts.join('; ')} (${replicatesText(usual.length)}).`];
  });
  return sentences.join(' ');
};

/** How much better each method is on what it was trained on. */
const ofGeneralisation = (rows: readonly MeasuredRow[]): string => {
  const sentences = attacks.flatMap((attack): string[] => {
    const gaps = methodsOf(rows).flatMap((method) => {
      const own = rows.filter((row) => row.method === method);
      const gap = compare([own, onTrainingImages(attack)], [own, attack]);
      return gap ? [{ ...gap, method, title: own[0]!.title }] : [];
    });
    const base = gaps.find(({ method }) => method === 'pgd-at');
    if (!base) return [];
    const byGap = [...gaps].sort((a, b) => a.difference - b.difference);
    const [least, most] = [byGap[0]!, byGap.at(-1)!];
    return [
      `${attackColumn(attack)}: ${base.title} is right on ${percent(base.first)} % of training images and ` +
        `${percent(base.second)} % of test images (${replicatesText(base.n)})` +
        (gaps.length > 1
          ? `; of ${gaps.length} methods the gap is from ${pointsText(least.difference)} (${least.title}) to ${pointsText(most.difference)} (${most.title}).`
          : '.'),
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
