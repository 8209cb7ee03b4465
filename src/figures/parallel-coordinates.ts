import type { PlotData } from 'plotly.js';
import type { TriedValue } from './ablation.js';
import { axis, createFigure, type FigureTitle } from './create-figure.js';
import type { Figure } from './figure.js';
import { networkStyles, type NamedNetwork } from './network-style.js';
import { gridColour, ink, styleCount } from './theme.js';

/** A network over the axes: undefined where it has no such setting or result. */
export interface CoordinateLine extends NamedNetwork {
  readonly values: readonly (TriedValue | undefined)[];
}

const textOf = (value: TriedValue): string =>
  value === null ? 'none' : typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);

/** Where values stand on an axis, from 0 to 1, and what is written there. */
interface CoordinateAxis {
  readonly place: (value: TriedValue) => number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

const axisOf = (values: readonly TriedValue[]): CoordinateAxis => {
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length === values.length && numbers.length > 0) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const place = (value: TriedValue): number => (high > low ? (Number(value) - low) / (high - low) : 0.5);
    const ends = high > low ? [low, high] : [low];
    return { place, ticks: ends.map((end) => ({ at: place(end), text: textOf(end) })) };
  }
  const names = [...new Set(values.map(textOf))].sort();
  const place = (value: TriedValue): number =>
    names.length > 1 ? names.indexOf(textOf(value)) / (names.length - 1) : 0.5;
  return { place, ticks: names.map((text, i) => ({ at: names.length > 1 ? i / (names.length - 1) : 0.5, text })) };
};

/**
 * Parallel coordinates: an upright axis a setting or result, a line a network. Numbers lie between the least and the largest
 * of their axis, names side by side. Drawn as scatter lines, so that the whole of plotly is not needed for it.
 */
export const parallelCoordinatesFigure = (
  axes: readonly string[],
  lines: readonly CoordinateLine[],
  { title = 'Parallel coordinates', subtitle }: Partial<FigureTitle> = {},
): Figure => {
  const scales = axes.map((_, i) =>
    axisOf(lines.flatMap(({ values }) => (values[i] === undefined ? [] : [values[i]]))),
  );
  const styles = networkStyles(lines);
  const uprights = axes.map((name): Partial<PlotData> => ({
    type: 'scatter',
    mode: 'lines',
    x: [name, name],
    y: [0, 1],
    line: { color: gridColour, width: 2 },
    hoverinfo: 'skip',
    showlegend: false,
  }));
  const drawn = lines.map(({ label, values }, i): Partial<PlotData> => {
    const { colour, symbol, dash } = styles[i]!;
    return {
      type: 'scatter',
      mode: 'lines+markers',
      name: label,
      x: [...axes],
      y: values.map((value, at) => (value === undefined ? null : Math.round(1e4 * scales[at]!.place(value)) / 1e4)),
      text: values.map((value) => (value === undefined ? '–' : textOf(value))),
      line: { color: colour, dash, width: 1.5 },
      marker: { color: colour, symbol, size: 7 },
      hovertemplate: `${label}<br>%{x}: %{text}<extra></extra>`,
    };
  });
  const ticks = scales.flatMap(({ ticks: own }, at) => own.map((tick) => ({ ...tick, name: axes[at]! })));
  const labels: Partial<PlotData> = {
    type: 'scatter',
    mode: 'text',
    x: ticks.map(({ name }) => name),
    y: ticks.map(({ at }) => at),
    text: ticks.map(({ text }) => text),
    textposition: 'top right',
    textfont: { size: 11, color: ink },
    hoverinfo: 'skip',
    showlegend: false,
    cliponaxis: false,
  };
  return createFigure(
    [...uprights, ...drawn, labels],
    { title, subtitle },
    {
      xaxis: axis('Setting or result', { type: 'category', categoryarray: [...axes], showgrid: false }),
      yaxis: axis('Share of its range (1)', {
        range: [-0.05, 1.08],
        showgrid: false,
        showticklabels: false,
        ticks: '',
      }),
      // More looks alike: they are told under the pointer.
      showlegend: lines.length <= styleCount,
    },
  );
};
