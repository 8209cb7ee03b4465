import type { PlotData } from 'plotly.js';
import { axis, createFigure, type FigureTitle } from './create-figure.js';
import type { Figure } from './figure.js';
import { sequentialScale } from './theme.js';

/**
 * How often each class was taken for each: row = true class, column = predicted class.
 * @param labels true classes
 * @param predicted predicted classes, of the same length
 * @throws RangeError where the lengths differ or a class is not in [0, classes)
 */
export const countConfusions = (
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): number[][] => {
  if (labels.length !== predicted.length) {
    throw new RangeError(`${labels.length} labels and ${predicted.length} predictions do not belong together`);
  }
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) {
    const row = counts[labels[i]!];
    const column = predicted[i]!;
    if (row?.[column] === undefined) {
      throw new RangeError(`image ${i}: class ${labels[i]!} taken for ${column}, but there are ${classes} classes`);
    }
    row[column] += 1;
  }
  return counts;
};

export interface ConfusionOptions extends Partial<FigureTitle> {
  /** The classes' names in their order. */
  readonly classes: readonly string[];
}

/** With more classes than this the numbers would not fit into the cells. */
const numberedClasses = 20;

/**
 * A confusion matrix: every cell the share of its true class (row) that was taken for the predicted class (column). A
 * class without images leaves its row empty.
 * @param counts [classes, classes], as `countConfusions` gives them
 */
export const confusionFigure = (
  counts: readonly (readonly number[])[],
  { classes, title = 'Confusion matrix', subtitle }: ConfusionOptions,
): Figure => {
  if (counts.length !== classes.length || counts.some((row) => row.length !== classes.length)) {
    throw new RangeError(`${counts.length} rows of counts do not fit ${classes.length} names of classes`);
  }
  const shares = counts.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (total === 0 ? null : Math.round((1000 * count) / total) / 10));
  });
  const isNumbered = classes.length <= numberedClasses;
  // Of a hundred names only some can be read; the rest show where one points.
  const named = classes.filter((_, i) => i % Math.ceil(classes.length / 25) === 0);
  const names = [...classes];
  const data: Partial<PlotData> = {
    type: 'heatmap',
    x: names,
    y: names,
    z: shares,
    customdata: counts.map((row) => [...row]),
    zmin: 0,
    zmax: 100,
    colorscale: sequentialScale,
    xgap: isNumbered ? 2 : 0,
    ygap: isNumbered ? 2 : 0,
    colorbar: { title: { text: 'share of row (%)', font: { size: 12 } }, thickness: 14, outlinewidth: 0 },
    hovertemplate: '%{y} taken for %{x}<br>%{z} % (%{customdata} images)<extra></extra>',
    ...(isNumbered
      ? {
          // Plotly takes a text a cell; its published types know rows only.
          text: shares.map((row) =>
            row.map((share) => (share === null ? '' : share < 1 && share > 0 ? '<1' : share.toFixed(0))),
          ) as unknown as string[],
          texttemplate: '%{text}',
          textfont: { size: 11 },
        }
      : {}),
  };
  const longest = Math.max(...named.map((name) => name.length));
  const ticks = { type: 'category' as const, tickvals: named, showgrid: false, ticks: '' as const, showline: false };
  return createFigure(
    [data],
    { title, subtitle },
    {
      xaxis: axis('Predicted class', { ...ticks, tickangle: -45, constrain: 'domain' }),
      yaxis: axis('True class', { ...ticks, autorange: 'reversed', scaleanchor: 'x', constrain: 'domain' }),
      width: 720,
      height: 640,
      margin: { l: 60 + 7 * longest, r: 130, t: 80, b: 60 + 5 * longest },
    },
  );
};
