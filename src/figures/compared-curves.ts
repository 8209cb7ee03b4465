import type { PlotData } from 'plotly.js';
import { meanOf } from '../statistics/mean.js';
import type { Point } from '../statistics/slope.js';
import { axis, createFigure, epochAxis, inPercent, percentAxis, type FigureTitle } from './create-figure.js';
import { channelsOf } from './colour.js';
import type { Figure } from './figure.js';
import { networkStyles, type NamedNetwork } from './network-style.js';
import { seriesStyle, type SeriesStyle } from './theme.js';

/** A method over its replicates, by epoch. */
export interface CurveGroup extends NamedNetwork {
  readonly runs: readonly {
    readonly label: string;
    readonly points: readonly Point[];
    /** Left out of the drawing; the mean and its band hold it still. */
    readonly hidden?: boolean | undefined;
  }[];
  /** Epochs that are marked on the mean: those in which the robust teacher was trained. */
  readonly marked?: readonly number[] | undefined;
  /** Drawn dotted and hollow, in the colour of the group before it: a teacher beside its student. */
  readonly isSecond?: boolean | undefined;
}

export interface ComparedCurvesOptions extends Partial<FigureTitle> {
  /** What is drawn, with its unit where it is no accuracy: 'Loss (nats)'. */
  readonly quantity: string;
  /** Whether values are fractions, to be drawn in per cent. Default true. */
  readonly isAccuracy?: boolean;
  /** What the marks are. */
  readonly marks?: string;
}

/** The looks of groups. A second one has its first's colour, and neither its symbol nor its dash. */
const stylesOf = (groups: readonly CurveGroup[]): SeriesStyle[] => {
  const firsts = networkStyles(groups.filter(({ isSecond = false }) => !isSecond));
  let before = -1;
  return groups.map(({ isSecond = false }) => {
    if (!isSecond) return firsts[++before]!;
    const { symbol, dash, ...first } = firsts[before] ?? seriesStyle(0);
    return {
      ...first,
      symbol: symbol.endsWith('-open') ? symbol.replace('-open', '') : `${symbol}-open`,
      dash: dash === 'dot' ? 'dash' : 'dot',
    };
  });
};

const fade = (colour: string, share: number): string => `rgba(${channelsOf(colour).join(', ')}, ${share})`;

/**
 * Curves of several methods over one another: the mean over replicates with a band of one standard deviation either way, and
 * the single runs, thin. Epochs that some replicates lack are means of those that have them.
 */
export const comparedCurvesFigure = (
  groups: readonly CurveGroup[],
  { title = 'Training curves', subtitle, quantity, isAccuracy = true, marks = 'marked' }: ComparedCurvesOptions,
): Figure => {
  const shown = (value: number): number => (isAccuracy ? inPercent(value) : Number(value.toPrecision(6)));
  const styles = stylesOf(groups);
  const all: number[] = [];
  const epochsOfAll = groups.flatMap(({ runs }) => runs.flatMap(({ points }) => points.map(({ x }) => x)));
  const data = groups.flatMap(({ label, runs, marked = [], isSecond = false }, i): Partial<PlotData>[] => {
    const { colour, symbol, dash } = styles[i]!;
    const epochs = [...new Set(runs.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
    const means = epochs.flatMap((epoch) => {
      const mean = meanOf(runs.flatMap(({ points }) => points.flatMap(({ x, y }) => (x === epoch ? [y] : []))));
      return mean ? [{ epoch, mean: mean.mean, deviation: mean.deviation ?? 0 }] : [];
    });
    if (means.length === 0) return [];
    all.push(
      ...means.flatMap(({ mean, deviation }) => [mean - deviation, mean + deviation]),
      ...runs.flatMap(({ points }) => points.map(({ y }) => y)),
    );
    const group = { legendgroup: `${label} ${i}`, hoverinfo: 'skip' as const, showlegend: false };
    const band = (side: 1 | -1): Partial<PlotData> => ({
      type: 'scatter',
      mode: 'lines',
      x: epochs,
      y: means.map(({ mean, deviation }) => shown(mean + side * deviation)),
      line: { color: colour, width: 0 },
      ...(side === 1 ? { fill: 'tonexty' as const, fillcolor: fade(colour, isSecond ? 0.07 : 0.15) } : {}),
      ...group,
    });
    const single = runs
      .filter(({ hidden = false }) => runs.length > 1 && !hidden)
      .map(({ label: own, points }): Partial<PlotData> => {
        return {
          type: 'scatter',
          mode: 'lines',
          name: own,
          x: points.map(({ x }) => x),
          y: points.map(({ y }) => shown(y)),
          line: { color: fade(colour, 0.55), width: 1, dash: isSecond ? 'dot' : 'solid' },
          legendgroup: group.legendgroup,
          showlegend: false,
          hovertemplate: `${own}<br>epoch %{x}: %{y:.4g}<extra></extra>`,
        };
      });
    const mean: Partial<PlotData> = {
      type: 'scatter',
      mode: 'lines+markers',
      name: `${label} (${runs.length})`,
      x: epochs,
      y: means.map((each) => shown(each.mean)),
      line: { color: colour, dash, width: isSecond ? 1.8 : 2.5 },
      marker: { color: colour, symbol, size: 6 },
      legendgroup: group.legendgroup,
      // What the figure's table says beside the mean: its deviation, and whether the epoch is marked.
      customdata: means.map(({ epoch, deviation }) => [
        runs.length > 1 ? shown(deviation) : null,
        marked.includes(epoch) ? marks : '',
      ]),
      hovertemplate:
        `${label}, mean of ${runs.length}<br>epoch %{x}: %{y:.4g}` +
        `${runs.length > 1 ? ' ± %{customdata[0]:.2g}' : ''}<br>%{customdata[1]}<extra></extra>`,
    };
    const ringed = means.filter(({ epoch }) => marked.includes(epoch));
    const rings: Partial<PlotData> = {
      type: 'scatter',
      mode: 'markers',
      name: marks,
      x: ringed.map(({ epoch }) => epoch),
      y: ringed.map((each) => shown(each.mean)),
      marker: { color: colour, symbol: 'circle-open', size: 14, line: { width: 1.5 } },
      ...group,
    };
    return [...(runs.length > 1 ? [band(-1), band(1)] : []), ...single, mean, ...(ringed.length > 0 ? [rings] : [])];
  });
  const hasMarks = groups.some(({ marked = [] }) => marked.length > 0);
  const hasBands = groups.some(({ runs }) => runs.length > 1);
  const notes = [
    ...(subtitle === undefined ? [] : [subtitle]),
    ...(hasBands ? ['mean, band of one s.d., single runs thin'] : []),
    ...(hasMarks ? [`rings: ${marks}`] : []),
  ];
  return createFigure(
    data,
    { title, ...(notes.length > 0 ? { subtitle: notes.join('; ') } : {}) },
    {
      xaxis: axis('Epoch', epochAxis(Math.max(1, ...epochsOfAll))),
      yaxis: isAccuracy ? percentAxis(quantity, all.map(inPercent)) : axis(quantity),
      showlegend: true,
    },
  );
};
