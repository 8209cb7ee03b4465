import type { PlotData } from 'plotly.js';
import {
  axis,
  createFigure,
  intervalBars,
  inPercent,
  percentAxis,
  withWhiskers,
  type FigureTitle,
  type Measured,
} from './create-figure.js';
import type { Figure } from './figure.js';
import { networkStyles, type NamedNetwork } from './network-style.js';

/** What a setting was tried at: a number, or a name; null where it is switched off. */
export type TriedValue = number | string | boolean | null;

/** One result as a setting changes, everything else held. */
export interface AblationSeries extends NamedNetwork {
  readonly points: readonly { readonly at: TriedValue; readonly measured: Measured }[];
}

export interface AblationOptions extends Partial<FigureTitle> {
  /** The setting's name. */
  readonly setting: string;
}

/** The range of values with some room, so that symbols at its ends are whole. */
const padded = (values: readonly number[]): [number, number] => {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0.04 * (high - low) : 0.5;
  return [low - room, high + room];
};

/** Of values in their order those that can be written side by side, the last among them. */
const apart = (values: readonly number[]): number[] => {
  const least = (values.at(-1)! - values[0]!) / 12;
  const kept: number[] = [];
  for (const value of [...values].reverse()) {
    if (kept.length === 0 || kept.at(-1)! - value >= least) kept.push(value);
  }
  return kept.reverse();
};

const isNumbers = (values: readonly TriedValue[]): values is readonly number[] =>
  values.every((value) => typeof value === 'number');

const categoryOf = (value: TriedValue): string => (value === null ? 'none' : String(value));

/**
 * Accuracy against a setting: a line a result. Numbers lie where they are on the axis; where any value is a name, all stand
 * side by side in the order in which they come.
 */
export const ablationFigure = (
  series: readonly AblationSeries[],
  { title = 'Ablation', subtitle, setting }: AblationOptions,
): Figure => {
  const measured = series.flatMap(({ points }) => points.map((point) => point.measured));
  const values = series.flatMap(({ points }) => points.map(({ at }) => at));
  const isNumeric = values.length > 0 && isNumbers(values);
  const isOrdered = values.some((value) => typeof value === 'number' || typeof value === 'boolean');
  const styles = networkStyles(series);
  const data = series.map(({ label, points }, i): Partial<PlotData> => {
    const { colour, symbol, dash } = styles[i]!;
    const sorted = isNumeric ? [...points].sort((a, b) => Number(a.at) - Number(b.at)) : points;
    return {
      type: 'scatter',
      // Between names there is no way.
      mode: isOrdered ? 'lines+markers' : 'markers',
      name: label,
      x: sorted.map(({ at }) => (isNumeric ? Number(at) : categoryOf(at))),
      y: sorted.map((point) => inPercent(point.measured.value)),
      error_y: { ...intervalBars(sorted.map((point) => point.measured)), color: colour },
      line: { color: colour, dash, width: 2 },
      marker: { color: colour, symbol, size: 9 },
      hovertemplate: `${label}<br>${setting} = %{x}<br>%{y:.2f} %<extra></extra>`,
    };
  });
  const ends = measured.flatMap(({ value, interval = [value, value] }) => interval.map(inPercent));
  return createFigure(
    data,
    { title, subtitle: withWhiskers(subtitle, measured) },
    {
      xaxis: axis(
        `Setting: ${setting}`,
        isNumeric && isNumbers(values)
          ? { range: padded(values), tickvals: apart([...new Set(values)].sort((a, b) => a - b)) }
          : { type: 'category', categoryarray: [...new Set(values.map(categoryOf))] },
      ),
      yaxis: percentAxis('Accuracy', ends),
      showlegend: true,
    },
  );
};
