import type { Layout, LayoutAxis, PlotData } from 'plotly.js';
import { displaySymbol, type Displayable } from '../display.js';
import { percentage } from '../percent.js';
import type { Figure } from './figure.js';
import { mimeBundle } from './mime-bundle.js';
import { buttonColour, fontFamily, gridColour, ink, paper, seriesColours, transparent } from './theme.js';

/** A proportion in [0, 1], and where it lies at 95 %. */
export interface Measured {
  readonly value: number;
  readonly interval?: readonly [number, number] | undefined;
  /** Whether `interval` is one standard deviation over replicates either way, and not where the value lies at 95 %. */
  readonly isDeviation?: boolean | undefined;
}

/** A proportion as a percentage, rounded to what a figure can show. */
export const inPercent = (proportion: number): number => percentage(proportion, 3);

/** How far the interval reaches below and above each value, in per cent, as plotly's error bars take it. */
export const intervalBars = (
  measured: readonly Measured[],
): { type: 'data'; symmetric: false; array: number[]; arrayminus: number[]; thickness: number; width: number } => ({
  type: 'data',
  symmetric: false,
  array: measured.map(({ value, interval }) => inPercent(interval ? interval[1] - value : 0)),
  arrayminus: measured.map(({ value, interval }) => inPercent(interval ? value - interval[0] : 0)),
  thickness: 1.25,
  width: 3,
});

export const axis = (title: string, settings: Partial<LayoutAxis> = {}): Partial<LayoutAxis> => ({
  title: { text: title, standoff: 10, font: { size: 13 } },
  gridcolor: gridColour,
  linecolor: ink,
  tickcolor: ink,
  ticks: 'outside',
  ticklen: 4,
  showline: true,
  zeroline: false,
  automargin: true,
  ...settings,
});

/** Distances of ticks that a reader can count in, in per cent. */
const tickDistances = [1, 2, 5, 10, 20];

/** An axis of percentages that holds `values` (per cent) with some room, and whose ticks are whole. */
export const percentAxis = (
  title: string,
  values: readonly number[],
  settings: Partial<LayoutAxis> = {},
): Partial<LayoutAxis> => {
  const present = values.filter(Number.isFinite);
  const low = present.length > 0 ? Math.min(...present) : 0;
  const high = present.length > 0 ? Math.max(...present) : 100;
  const room = Math.max(0.08 * (high - low), 1);
  const wanted = [Math.max(0, low - room), Math.min(100, high + room)] as const;
  const distance = tickDistances.find((step) => (wanted[1] - wanted[0]) / step <= 8) ?? 20;
  // Nought and a hundred get a little room too, or the symbols there would be cut in half.
  const range = [
    wanted[0] <= 0 ? -0.02 * (wanted[1] - wanted[0]) : wanted[0],
    wanted[1] >= 100 ? 100 + 0.02 * (wanted[1] - wanted[0]) : wanted[1],
  ].map((end) => Math.round(end * 100) / 100);
  return axis(`${title} (%)`, { range, tick0: 0, dtick: distance, ...settings });
};

/** What an axis of epochs, from the first to the `last`, is besides its title: some room, and whole ticks. */
export const epochAxis = (last: number): Partial<LayoutAxis> => ({
  range: [last > 1 ? 1 - 0.03 * (last - 1) : 0.5, last > 1 ? last + 0.03 * (last - 1) : 1.5],
  tick0: 0,
  dtick: [1, 2, 5, 10, 20, 25, 50, 100].find((step) => last / step <= 8) ?? 100,
});

export interface FigureTitle {
  readonly title: string;
  /** A line below it: data set, budget. */
  readonly subtitle?: string | undefined;
}

/** `subtitle`, and what the whiskers are where any of `measured` has some. */
export const withWhiskers = (subtitle: string | undefined, measured: readonly Measured[]): string | undefined => {
  const drawn = measured.filter(({ interval }) => interval !== undefined);
  const meanings = [
    ...(drawn.some(({ isDeviation }) => isDeviation) ? ['one standard deviation over replicates'] : []),
    ...(drawn.some(({ isDeviation = false }) => !isDeviation) ? ['95 % intervals'] : []),
  ];
  const parts = [
    ...(subtitle === undefined ? [] : [subtitle]),
    ...(meanings.length > 0 ? [`whiskers: ${meanings.join(' and ')}`] : []),
  ];
  return parts.length > 0 ? parts.join('; ') : undefined;
};

const houseLayout = (title: string, subtitle: string | undefined, layout: Partial<Layout>): Partial<Layout> => ({
  title: {
    text: title,
    ...(subtitle === undefined ? {} : { subtitle: { text: subtitle, font: { size: 12, color: ink } } }),
    x: 0,
    xref: 'paper',
    xanchor: 'left',
    // At the picture's edge, where the legend can't grow into it.
    y: 1,
    yref: 'container',
    yanchor: 'top',
    pad: { t: 14, b: 0, l: 0, r: 0 },
    font: { size: 16, color: ink },
  },
  height: 440,
  paper_bgcolor: paper,
  plot_bgcolor: paper,
  font: { family: fontFamily, size: 13, color: ink },
  colorway: [...seriesColours],
  hovermode: 'closest',
  // Below, where it may grow by rows and pushes the plot upwards.
  legend: { orientation: 'h', x: 0, xanchor: 'left', y: 0, yref: 'container', yanchor: 'bottom' },
  modebar: { bgcolor: transparent, color: buttonColour, activecolor: ink },
  margin: { l: 70, r: 24, t: subtitle === undefined ? 50 : 72, b: 60 },
  ...layout,
});

/** A figure in the house's look: a light card, title at the left, the legend below the plot. */
export const createFigure = (
  data: readonly Partial<PlotData>[],
  { title, subtitle }: FigureTitle,
  layout: Partial<Layout>,
): Figure => {
  const figure: Figure & Displayable = {
    data,
    layout: houseLayout(title, subtitle, layout),
    [displaySymbol]() {
      return mimeBundle(this);
    },
  };
  return figure;
};
