import { createFigure, intervalBars, percent, percentAxis, type Measured } from './create-figure.js';
import type { Figure } from './figure.js';
import { labelPositions } from './label-positions.js';
import { seriesStyle } from './theme.js';

/** One network in the figure. */
export interface CleanRobustPoint {
  readonly label: string;
  readonly clean: Measured;
  readonly robust: Measured;
  /** Networks of a group share a colour, a symbol and an entry of the legend: 'teacher', 'student'. */
  readonly group?: string | undefined;
}

export interface CleanRobustOptions {
  /** Default: 'Clean against robust accuracy'. */
  readonly title?: string;
  /** What it was measured on: data set, number of test images, budget. */
  readonly subtitle?: string;
  /** The attack's name as a reader knows it: 'PGD-20'. */
  readonly attack: string;
  /** Radius of the ball as it is to be read: '8/255'. */
  readonly epsilon?: string;
}

/**
 * Clean accuracy (across) against accuracy under an attack (upwards), a point a network with its name beside it: up and
 * to the right is better. Bars are the intervals, both ways.
 */
export const cleanRobustFigure = (
  points: readonly CleanRobustPoint[],
  { title = 'Clean against robust accuracy', subtitle, attack, epsilon }: CleanRobustOptions,
): Figure => {
  const ends = ({ value, interval = [value, value] }: Measured): [number, number] => [
    percent(interval[0]),
    percent(interval[1]),
  ];
  const x = percentAxis(
    'Clean accuracy',
    points.flatMap(({ clean }) => ends(clean)),
  );
  const y = percentAxis(
    `Accuracy under ${attack}${epsilon === undefined ? '' : `, ε = ${epsilon}`}`,
    points.flatMap(({ robust }) => ends(robust)),
  );
  const positions = labelPositions(
    points.map(({ label, clean, robust }) => ({
      text: label,
      x: percent(clean.value),
      y: percent(robust.value),
      xEnds: ends(clean),
      yEnds: ends(robust),
    })),
    { x: x.range as [number, number], y: y.range as [number, number] },
  );
  const groups = [...new Set(points.map(({ group }) => group ?? ''))];
  const data = groups.map((group, index) => {
    const members = points.flatMap((point, i) =>
      (point.group ?? '') === group ? [{ ...point, position: positions[i]! }] : [],
    );
    const { colour, symbol } = seriesStyle(index);
    return {
      type: 'scatter' as const,
      mode: 'text+markers' as const,
      name: group || 'network',
      x: members.map(({ clean }) => percent(clean.value)),
      y: members.map(({ robust }) => percent(robust.value)),
      error_x: { ...intervalBars(members.map(({ clean }) => clean)), color: colour },
      error_y: { ...intervalBars(members.map(({ robust }) => robust)), color: colour },
      text: members.map(({ label }) => label),
      // Plotly takes one position a point; its published types know only one for all.
      textposition: members.map(({ position }) => position) as unknown as 'top center',
      textfont: { size: 12 },
      marker: { color: colour, symbol, size: 10 },
      hovertemplate: `%{text}<br>clean %{x:.2f} %<br>${attack} %{y:.2f} %<extra></extra>`,
      cliponaxis: false,
    };
  });
  return createFigure(data, { title, subtitle }, { xaxis: x, yaxis: y, showlegend: groups.length > 1 });
};
