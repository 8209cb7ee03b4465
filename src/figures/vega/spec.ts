import type { Layout } from 'plotly.js';
import type { Legend, Mark, Scale, Spec } from 'vega';
import type { Figure } from '../figure.js';
import { fontFamily, ink } from '../theme.js';
import { drawAxis, layoutAxis } from './axes.js';
import { textWidth } from './text-width.js';
import {
  drawBar,
  drawHeatmap,
  drawScatter,
  lineShape,
  styleOf,
  valuesOf,
  type DrawnTrace,
  type Trace,
} from './traces.js';

export interface SvgSize {
  /** Pixels of the whole picture. Default: the layout's width, or 760. */
  readonly width?: number;
  /** Default: the layout's height, or 440. */
  readonly height?: number;
}

/** The plots' place in the picture. */
interface Frame {
  readonly width: number;
  readonly height: number;
}

const legendFontSize = 12;
/** Pixels of the symbol and of the gaps around it. */
const legendEntryRest = 46;
const legendRow = 19;

/** The legend below the plots, `down` pixels from their lower edge once it is known how high it is. */
const drawLegend = (
  { data, layout }: Figure,
  width: number,
): { readonly scales: Scale[]; readonly legends: (down: number) => Legend[]; readonly height: number } => {
  const traces = data.filter(({ showlegend, type }) => showlegend !== false && type !== 'heatmap');
  const isShown = layout.showlegend ?? traces.length > 1;
  if (!isShown || traces.length === 0) return { scales: [], legends: () => [], height: 0 };
  const names = traces.map(({ name = '' }) => name);
  const styles = traces.map(styleOf);
  const widest = Math.max(...names.map((name) => textWidth(name, legendFontSize))) + legendEntryRest;
  const columns = Math.max(1, Math.min(names.length, Math.floor(width / widest)));
  const height = Math.ceil(names.length / columns) * legendRow + 6;
  const byName = (name: string, range: unknown[]): Scale => ({ name, type: 'ordinal', domain: names, range }) as Scale;
  return {
    scales: [
      byName(
        'legend colours',
        styles.map(({ colour }) => colour),
      ),
      byName(
        'legend fills',
        styles.map(({ fill }) => fill),
      ),
      byName(
        'legend shapes',
        styles.map(({ shape }) => shape),
      ),
      byName(
        'legend dashes',
        styles.map(({ dash }) => dash),
      ),
    ],
    legends: (down) => [
      {
        orient: 'none',
        direction: 'horizontal',
        legendX: 0,
        legendY: down,
        columns,
        rowPadding: 5,
        columnPadding: 14,
        stroke: 'legend colours',
        fill: 'legend fills',
        shape: 'legend shapes',
        strokeDash: 'legend dashes',
        symbolSize: 90,
        labelOffset: styles.some(({ shape }) => shape === lineShape) ? 10 : 4,
        symbolStrokeWidth: 2,
        labelColor: ink,
        labelFontSize: legendFontSize,
        labelLimit: 320,
      },
    ],
    height,
  };
};

const subtitleOf = ({ title }: Partial<Layout>): string | undefined =>
  typeof title?.subtitle === 'string' ? title.subtitle : title?.subtitle?.text;

const headingHeight = (layout: Partial<Layout>): number =>
  layout.title?.text === undefined ? 0 : subtitleOf(layout) === undefined ? 42 : 62;

/** Title and subtitle, at the picture's upper edge; `top` pixels lie between that and the plots. */
const drawHeading = (layout: Partial<Layout>, { width }: Frame, top: number): Mark[] => {
  const line = (text: string | undefined, down: number, size: number): Mark[] =>
    text === undefined
      ? []
      : [
          {
            type: 'text',
            encode: {
              enter: {
                x: { value: 0 },
                y: { value: down - top },
                text: { value: text },
                fontSize: { value: size },
                fill: { value: ink },
                baseline: { value: 'top' },
                limit: { value: width * 1.3 },
              },
            },
          },
        ];
  return [...line(layout.title?.text, 14, 16), ...line(subtitleOf(layout), 38, 12)];
};

/** Everything that is drawn against one pair of axes. */
const drawSubplot = (
  [xName, yName]: readonly [string, string],
  traces: readonly Trace[],
  layout: Partial<Layout>,
  inner: Frame,
): Mark => {
  const x = layoutAxis(layout, xName);
  const y = layoutAxis(layout, yName);
  const [left, right] = (x.domain ?? [0, 1]) as [number, number];
  const [bottom, top] = (y.domain ?? [0, 1]) as [number, number];
  const plot: Frame = { width: (right - left) * inner.width, height: (top - bottom) * inner.height };
  const bars = traces.filter(({ type }) => type === 'bar');
  const bands = bars.length > 0 || traces.some(({ type }) => type === 'heatmap');
  const gap = bars.length > 0 ? (layout.bargap ?? 0.2) : 0;
  const drawn = traces.map((trace, i): DrawnTrace => {
    const name = `trace ${i}`;
    switch (trace.type) {
      case undefined:
      case 'scatter':
        return drawScatter(trace, name);
      case 'bar':
        return drawBar(trace, name, {
          index: bars.indexOf(trace),
          count: bars.length,
          gap: layout.bargroupgap ?? 0,
        });
      case 'heatmap':
        return drawHeatmap(trace, name, plot);
      default:
        throw new Error(`renderSvg draws scatter, bar and heatmap, and no trace of type '${trace.type}'`);
    }
  });
  const axes = [
    drawAxis('x', x, { values: traces.flatMap((trace) => valuesOf(trace.x)), size: plot.width, bands, gap }),
    drawAxis('y', y, { values: traces.flatMap((trace) => valuesOf(trace.y)), size: plot.height, bands, gap: 0 }),
  ];
  return {
    type: 'group',
    encode: {
      enter: {
        x: { value: left * inner.width },
        y: { value: (1 - top) * inner.height },
        width: { value: plot.width },
        height: { value: plot.height },
      },
    },
    data: drawn.flatMap(({ data }) => data),
    scales: [...axes.map(({ scale }) => scale), ...drawn.flatMap(({ scales = [] }) => scales)],
    axes: axes.map(({ axis }) => axis),
    legends: drawn.flatMap(({ legends = [] }) => legends),
    marks: drawn.flatMap(({ marks }) => marks),
  };
};

/**
 * A figure in Vega's language, at a fixed size.
 * @throws Error where the figure has a trace or a setting that is not known here
 */
export const vegaSpec = (figure: Figure, size: SvgSize): Spec => {
  const { data, layout } = figure;
  const width = size.width ?? layout.width ?? 760;
  const height = size.height ?? layout.height ?? 440;
  const margin = { l: 70, r: 24, b: 60, ...layout.margin };
  const legend = drawLegend(figure, width - margin.l - margin.r);
  const top = Math.max(headingHeight(layout) + 8, 24);
  const bottom = margin.b + legend.height;
  const inner: Frame = { width: width - margin.l - margin.r, height: height - top - bottom };
  const subplots = new Map<string, Trace[]>();
  for (const trace of data) {
    const axes = `${trace.xaxis ?? 'x'} ${trace.yaxis ?? 'y'}`;
    subplots.set(axes, [...(subplots.get(axes) ?? []), trace]);
  }
  return {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    ...(layout.title?.text === undefined ? {} : { description: layout.title.text }),
    ...(typeof layout.paper_bgcolor === 'string' ? { background: layout.paper_bgcolor } : {}),
    width: inner.width,
    height: inner.height,
    padding: { left: margin.l, right: margin.r, top, bottom },
    autosize: 'none',
    config: {
      text: { font: fontFamily },
      axis: { labelFont: fontFamily, titleFont: fontFamily },
      legend: { labelFont: fontFamily, titleFont: fontFamily },
    },
    scales: legend.scales,
    legends: legend.legends(inner.height + margin.b),
    marks: [
      ...drawHeading(layout, inner, top),
      ...[...subplots].map(([axes, traces]) => drawSubplot(axes.split(' ') as [string, string], traces, layout, inner)),
    ],
  };
};
