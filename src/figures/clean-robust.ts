import type { PlotData } from 'plotly.js';
import {
  createFigure,
  intervalBars,
  inPercent,
  percentAxis,
  withWhiskers,
  type FigureTitle,
  type Measured,
} from './create-figure.js';
import type { Figure } from './figure.js';
import { labelPositions } from './label-positions.js';
import { networkStyles, type NamedNetwork } from './network-style.js';
import { ink, seriesStyle } from './theme.js';

/** One network in the figure. */
export interface CleanRobustPoint extends NamedNetwork {
  readonly clean: Measured;
  readonly robust: Measured;
  /** Networks of a group share a symbol and an entry of the legend: 'teacher', 'student'. */
  readonly group?: string | undefined;
}

export interface CleanRobustOptions extends Partial<FigureTitle> {
  /** The attack's name as a reader knows it: 'PGD-20'. */
  readonly attack: string;
  /** Radius of the ball as it is to be read: '8/255'. */
  readonly epsilon?: string;
}

/**
 * Clean accuracy (across) against accuracy under an attack (upwards), a point a network with its name beside it: up and
 * to the right is better. Whiskers are the intervals, both ways. Each network has its
 * method's colour, each group its symbol.
 */
export const cleanRobustFigure = (
  points: readonly CleanRobustPoint[],
  { title = 'Clean against robust accuracy', subtitle, attack, epsilon }: CleanRobustOptions,
): Figure => {
  const ends = ({ value, interval = [value, value] }: Measured): [number, number] => [
    inPercent(interval[0]),
    inPercent(interval[1]),
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
      x: inPercent(clean.value),
      y: inPercent(robust.value),
      xEnds: ends(clean),
      yEnds: ends(robust),
    })),
    { x: x.range as [number, number], y: y.range as [number, number] },
  );
  const groups = [...new Set(points.map(({ group }) => group ?? ''))];
  const styles = networkStyles(points);
  const symbolOf = (group: string): string => seriesStyle(groups.indexOf(group)).symbol;
  // A trace a network, for plotly gives a trace one colour of error bars.
  const data = points.map(({ label, group = '', clean, robust }, i): Partial<PlotData> => {
    const { colour, symbol, isHollow } = styles[i]!;
    const shape = groups.length > 1 ? `${symbolOf(group)}${isHollow ? '-open' : ''}` : symbol;
    return {
      type: 'scatter',
      mode: 'text+markers',
      name: label,
      legendgroup: group,
      showlegend: false,
      x: [inPercent(clean.value)],
      y: [inPercent(robust.value)],
      error_x: { ...intervalBars([clean]), color: colour },
      error_y: { ...intervalBars([robust]), color: colour },
      text: [label],
      textposition: positions[i]!,
      textfont: { size: 12 },
      marker: { color: colour, symbol: shape, size: 10, line: { width: 2 } },
      hovertemplate: `%{text}<br>clean %{x:.2f} %<br>${attack} %{y:.2f} %<extra></extra>`,
      cliponaxis: false,
    };
  });
  // The legend says what the symbols are; the names beside the points say what the colours are.
  const legend = groups.map((group): Partial<PlotData> => ({
    type: 'scatter',
    mode: 'markers',
    name: group || 'network',
    legendgroup: group,
    x: [null],
    y: [null],
    marker: { color: ink, symbol: symbolOf(group), size: 10 },
  }));
  const measured = points.flatMap(({ clean, robust }) => [clean, robust]);
  return createFigure(
    [...data, ...(groups.length > 1 ? legend : [])],
    { title, subtitle: withWhiskers(subtitle, measured) },
    { xaxis: x, yaxis: y, showlegend: groups.length > 1 },
  );
};
