import type { Layout, LayoutAxis } from 'plotly.js';
import type { Axis, Scale } from 'vega';
import { gridColour, ink } from '../theme.js';
import type { Value } from './traces.js';
import { textWidth } from './text-width.js';

/** Plotly's axis as Vega's scale and axis. */
export interface DrawnAxis {
  readonly scale: Scale;
  readonly axis: Axis;
}

/** The axis of a layout by plotly's short name: 'x', 'y2'. */
export const layoutAxis = (layout: Partial<Layout>, id: string): Partial<LayoutAxis> =>
  layout[`${id.slice(0, 1)}axis${id.slice(1)}` as 'xaxis'] ?? {};

export interface AxisOptions {
  /** Everything that is drawn against it. */
  readonly values: readonly Value[];
  /** Pixels. */
  readonly size: number;
  /** Whether a category is a band, for bars and cells, or a point. */
  readonly bands: boolean;
  /** Between bands, in parts of one. */
  readonly gap: number;
}

const categoriesOf = (axis: Partial<LayoutAxis>, values: readonly Value[]): string[] | undefined => {
  if (axis.type !== 'category' && !values.some((value) => typeof value === 'string')) return undefined;
  return ((axis.categoryarray as Value[] | undefined) ?? [...new Set(values)]).map(String);
};

const spanOf = (values: readonly Value[]): [number, number] => {
  const numbers = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  return numbers.length > 0 ? [Math.min(...numbers), Math.max(...numbers)] : [0, 1];
};

const numericScale = (name: string, axis: Partial<LayoutAxis>, values: readonly Value[], range: number[]): Scale => {
  const given = axis.range as [number, number] | undefined;
  if (axis.type === 'log') {
    // Plotly gives the range of a logarithmic axis in powers of ten.
    return { name, type: 'log', range, domain: given?.map((power) => 10 ** power) ?? spanOf(values), nice: !given };
  }
  return {
    name,
    type: 'linear',
    range,
    domain: given ?? spanOf(values),
    nice: !given,
    zero: !given && axis.rangemode === 'tozero',
  };
};

/** Where plotly puts its ticks at a fixed distance. */
const regularTicks = ({ dtick, tick0, range }: Partial<LayoutAxis>): number[] | undefined => {
  if (typeof dtick !== 'number' || !range) return undefined;
  const [low, high] = range as [number, number];
  const start = Number(tick0 ?? 0);
  // A tick at the very end is not lost to rounding.
  const first = Math.ceil((low - start) / dtick - 1e-9);
  const last = Math.floor((high - start) / dtick + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => start + (first + i) * dtick);
};

export const drawAxis = (
  name: 'x' | 'y',
  axis: Partial<LayoutAxis>,
  { values, size, bands, gap }: AxisOptions,
): DrawnAxis => {
  const categories = categoriesOf(axis, values);
  const reversed = axis.autorange === 'reversed';
  const range = (name === 'y') !== reversed ? [size, 0] : [0, size];
  const scale: Scale = !categories
    ? numericScale(name, axis, values, range)
    : bands
      ? { name, type: 'band', domain: categories, range, paddingInner: gap, paddingOuter: gap / 2 }
      : { name, type: 'point', domain: categories, range, padding: 0.5 };

  const fontSize = axis.tickfont?.size ?? 12;
  const ticks = (axis.tickvals as Value[] | undefined) ?? regularTicks(axis);
  const longest = Math.max(0, ...(categories ?? []).map((text) => textWidth(text, fontSize)));
  const angle = typeof axis.tickangle === 'number' ? axis.tickangle : 0;
  const slanted: Partial<Axis> = {
    labelAngle: angle,
    labelAlign: angle < 0 ? 'right' : 'left',
    labelBaseline: 'middle',
  };
  return {
    scale,
    axis: {
      orient: name === 'y' ? 'left' : 'bottom',
      scale: name,
      grid: axis.showgrid ?? !categories,
      // As long as this plot; a line's default is as long as all plots together.
      gridScale: name === 'x' ? 'y' : 'x',
      gridColor: gridColour,
      domain: axis.showline !== false,
      domainColor: ink,
      ticks: axis.ticks === 'outside',
      tickColor: ink,
      tickSize: axis.ticklen ?? 4,
      labels: axis.showticklabels !== false,
      labelColor: ink,
      labelFontSize: fontSize,
      labelLimit: 220,
      labelOverlap: !categories,
      ...(angle === 0 ? {} : slanted),
      ...(axis.title?.text === undefined
        ? {}
        : {
            title: axis.title.text,
            titleColor: ink,
            titleFontSize: 13,
            titleFontWeight: 'normal',
            titlePadding: 10,
            // Vega takes names for half as wide again as they are, which would push the title away.
            ...(name === 'y' && categories ? { titleX: -(longest + 28) } : {}),
            ...(name === 'x' && angle !== 0
              ? { titleY: longest * Math.abs(Math.sin((angle * Math.PI) / 180)) + 32 }
              : {}),
          }),
      ...(ticks ? { values: ticks } : { tickCount: Math.max(2, Math.round(size / 45)) }),
      ...(axis.tickformat ? { format: axis.tickformat } : {}),
      ...(axis.ticktext ? { encode: { labels: { update: { text: textOfTicks(axis) } } } } : {}),
    },
  };
};

const textOfTicks = ({ ticktext = [], tickvals = [] }: Partial<LayoutAxis>): { signal: string } => ({
  signal: `${JSON.stringify(ticktext)}[indexof(${JSON.stringify(tickvals)}, datum.value)]`,
});
