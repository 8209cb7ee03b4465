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
import { ink, seriesStyle, symbolAfter, type SeriesStyle } from './theme.js';

/** One network in the figure. */
export interface CleanRobustPoint extends NamedNetwork {
  readonly clean: Measured;
  readonly robust: Measured;
  /** Networks of a group share a symbol and an entry of the legend: 'teacher', 'student'. */
  readonly group?: string | undefined;
  /** In the legend, where names do not stand beside the points: networks of one method share it. Default: the label. */
  readonly entry?: string | undefined;
  /** Lines of the box under the pointer, below both accuracies. */
  readonly details?: readonly string[] | undefined;
}

export interface CleanRobustOptions extends Partial<FigureTitle> {
  /** The attack's name as a reader knows it: 'PGD-20'. */
  readonly attack: string;
  /** Radius of the ball as it is to be read: '8/255'. */
  readonly epsilon?: string;
  /** Joins the points that no other of their group beats in both accuracies. Default false. */
  readonly front?: boolean;
  /** Write the names beside the points. Default true; many would cover one another, and stand in the legend. */
  readonly names?: boolean;
}

/** Of points the ones that no other is at least as good as in both accuracies and better in one, from left to right. */
export const paretoFront = <P extends Pick<CleanRobustPoint, 'clean' | 'robust'>>(points: readonly P[]): P[] => {
  const sorted = [...points].sort((a, b) => b.clean.value - a.clean.value || b.robust.value - a.robust.value);
  let best = -Infinity;
  return sorted
    .filter(({ robust }) => {
      const isBetter = robust.value > best;
      best = Math.max(best, robust.value);
      return isBetter;
    })
    .reverse();
};

/**
 * A look a method: what is its variant, or stands in another group, has its colour. Variants of one group have symbols of
 * their own, which those of several groups can't have.
 */
const stylesByMethod = (points: readonly CleanRobustPoint[]): SeriesStyle[] => {
  const nameOf = ({ method, label }: CleanRobustPoint): string => method ?? label;
  const methods = [...new Map(points.map((point) => [nameOf(point), point])).values()];
  const looks = networkStyles(methods);
  const before = new Map<string, number>();
  return points.map((point) => {
    const name = nameOf(point);
    const style = looks[methods.findIndex((method) => nameOf(method) === name)]!;
    const place = before.get(name) ?? 0;
    before.set(name, place + 1);
    return { ...style, symbol: symbolAfter(style.symbol, place) };
  });
};

/**
 * Clean accuracy (across) against accuracy under an attack (upwards), a point a network with its name beside it: up and
 * to the right is better. Whiskers are the intervals, both ways. Each network has its method's colour, each group its
 * symbol and, where it is asked for, its Pareto front.
 */
export const cleanRobustFigure = (
  points: readonly CleanRobustPoint[],
  {
    title = 'Clean against robust accuracy',
    subtitle,
    attack,
    epsilon,
    front = false,
    names = true,
  }: CleanRobustOptions,
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
    (names ? points : []).map(({ label, clean, robust }) => ({
      text: label,
      x: inPercent(clean.value),
      y: inPercent(robust.value),
      xEnds: ends(clean),
      yEnds: ends(robust),
    })),
    { x: x.range as [number, number], y: y.range as [number, number] },
  );
  const groups = [...new Set(points.map(({ group }) => group ?? ''))];
  const styles = stylesByMethod(points);
  const symbolOf = (group: string): string => seriesStyle(groups.indexOf(group)).symbol;
  // A trace a network, for plotly gives a trace one colour of error bars.
  const data = points.map(({ label, group = '', clean, robust, details = [] }, i): Partial<PlotData> => {
    const { colour, symbol, isHollow } = styles[i]!;
    const shape = groups.length > 1 ? `${symbolOf(group)}${isHollow ? '-open' : ''}` : symbol;
    return {
      type: 'scatter',
      mode: names ? 'text+markers' : 'markers',
      name: label,
      ...(names ? { legendgroup: group } : {}),
      showlegend: false,
      x: [inPercent(clean.value)],
      y: [inPercent(robust.value)],
      error_x: { ...intervalBars([clean]), color: colour },
      error_y: { ...intervalBars([robust]), color: colour },
      text: [label],
      ...(names ? { textposition: positions[i]! } : {}),
      textfont: { size: 12 },
      marker: { color: colour, symbol: shape, size: 10, line: { width: 2 } },
      hovertemplate: `%{text}<br>clean %{x:.2f} %<br>${attack} %{y:.2f} %${details.map((line) => `<br>${line}`).join('')}<extra></extra>`,
      cliponaxis: false,
    };
  });
  // The legend says what the symbols are; the names beside the points, or in the legend too, what the colours are.
  const legend = groups.map((group): Partial<PlotData> => ({
    type: 'scatter',
    mode: 'markers',
    name: group || 'network',
    ...(names ? { legendgroup: group } : {}),
    x: [null],
    y: [null],
    marker: { color: ink, symbol: symbolOf(group), size: 10 },
  }));
  const entries = names
    ? []
    : [...new Map(points.map(({ label, entry = label }, i) => [entry, styles[i]!] as const).reverse())]
        .reverse()
        .map(([name, { colour, symbol, isHollow }]): Partial<PlotData> => ({
          type: 'scatter',
          mode: 'markers',
          name,
          x: [null],
          y: [null],
          marker: {
            color: colour,
            symbol: groups.length > 1 ? `circle${isHollow ? '-open' : ''}` : symbol,
            size: 10,
            line: { width: 2 },
          },
        }));
  const fronts = front
    ? groups.flatMap((group): Partial<PlotData>[] => {
        const best = paretoFront(points.filter((point) => (point.group ?? '') === group));
        if (best.length < 2) return [];
        return [
          {
            type: 'scatter',
            mode: 'lines',
            name: groups.length > 1 ? `Pareto front, ${group || 'network'}` : 'Pareto front',
            x: best.map(({ clean }) => inPercent(clean.value)),
            y: best.map(({ robust }) => inPercent(robust.value)),
            line: { color: ink, width: 1, dash: groups.indexOf(group) === 0 ? 'dash' : 'dot' },
            hoverinfo: 'skip',
          },
        ];
      })
    : [];
  const measured = points.flatMap(({ clean, robust }) => [clean, robust]);
  return createFigure(
    [...fronts, ...data, ...(groups.length > 1 ? legend : []), ...entries],
    { title, subtitle: withWhiskers(subtitle, measured) },
    { xaxis: x, yaxis: y, showlegend: groups.length > 1 || fronts.length + entries.length > 0 },
  );
};
