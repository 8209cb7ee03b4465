import type { Layout, LayoutAxis, PlotData } from 'plotly.js';
import type { Axis, Data, Legend, Mark, Scale, Spec } from 'vega';
import type { Figure } from './figure.js';
import { colourAt, contrast } from './colour.js';
import { gridColour, ink, sequentialScale } from './palette.js';

export interface SvgSize {
  /** Pixels of the whole picture. Default: 760 by the layout's height. */
  readonly width?: number;
  readonly height?: number;
}

/** Pixels between the picture's edges and the plots. */
interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

type Trace = Partial<PlotData>;
type Value = string | number | null;
interface Row {
  readonly x: Value;
  readonly y: Value;
  readonly [field: string]: unknown;
}

/** Sans-serif letters are about this wide, in parts of the font's size. */
const letterWidth = 0.56;
const textWidth = (text: string, size: number): number => text.length * size * letterWidth;

const values = (of: unknown): Value[] => (of === undefined ? [] : Array.from(of as ArrayLike<Value>));
const nth = (of: unknown, index: number): unknown => (Array.isArray(of) ? (of as unknown[])[index] : of);

/** Plotly's names of symbols in Vega's words. */
const symbols: Readonly<Record<string, string>> = {
  circle: 'circle',
  square: 'square',
  diamond: 'diamond',
  'triangle-up': 'triangle-up',
  'triangle-down': 'triangle-down',
  cross: 'cross',
  // A cross that stands on one leg; Vega takes a path of the square from −1 to 1.
  x: 'M-1,-.5L-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0Z',
};

const dashes: Readonly<Record<string, number[]>> = {
  solid: [],
  dash: [7, 4],
  dot: [2, 3],
  dashdot: [7, 3, 2, 3],
  longdash: [12, 5],
};

const known = <T>(table: Readonly<Record<string, T>>, name: string, what: string): T => {
  const found = table[name];
  if (found === undefined)
    throw new Error(`renderSvg draws no ${what} '${name}' (it draws ${Object.keys(table).join(', ')})`);
  return found;
};

const symbolOf = ({ marker }: Trace): string => {
  const symbol = marker && 'symbol' in marker ? marker.symbol : undefined;
  return known(symbols, typeof symbol === 'string' ? symbol : 'circle', 'symbol');
};
const dashOf = (trace: Trace): number[] => known(dashes, trace.line?.dash ?? 'solid', 'dash');
const colourOf = (trace: Trace): string => {
  const colour = (trace.mode === 'lines' ? trace.line?.color : trace.marker?.color) ?? trace.line?.color;
  return typeof colour === 'string' ? colour : ink;
};

/** The axis of a layout by plotly's short name: 'x', 'y2'. */
const axisOf = (layout: Partial<Layout>, id: string): Partial<LayoutAxis> =>
  layout[`${id[0]!}axis${id.slice(1)}` as 'xaxis'] ?? {};

const isCategory = (axis: Partial<LayoutAxis>, ofAxis: readonly Value[]): boolean =>
  axis.type === 'category' || ofAxis.some((value) => typeof value === 'string');

/** The bars beside each value of a trace, as ends in data units. */
const errorEnds = (bar: Trace['error_x'], centre: Value, index: number): [number, number] | undefined => {
  if (bar?.type !== 'data' || typeof centre !== 'number') return undefined;
  const above = Number(bar.array[index] ?? 0);
  const below = Number((bar.symmetric === false ? bar.arrayminus?.[index] : bar.array[index]) ?? 0);
  return [centre - below, centre + above];
};

const scaleOf = (
  name: string,
  axis: Partial<LayoutAxis>,
  ofAxis: readonly Value[],
  { size, bars, gap }: { size: number; bars: 'bands' | 'points'; gap: number },
): Scale => {
  const upwards = name === 'y';
  const reversed = axis.autorange === 'reversed';
  const range = upwards !== reversed ? [size, 0] : [0, size];
  if (isCategory(axis, ofAxis)) {
    const domain = (axis.categoryarray as Value[] | undefined) ?? [...new Set(ofAxis)];
    return bars === 'bands'
      ? { name, type: 'band', domain: domain as string[], range, paddingInner: gap, paddingOuter: gap / 2 }
      : { name, type: 'point', domain: domain as string[], range, padding: 0.5 };
  }
  const present = ofAxis.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  const given = axis.range as [number, number] | undefined;
  if (axis.type === 'log') {
    return {
      name,
      type: 'log',
      domain: given?.map((end) => 10 ** end) ?? [Math.min(...present), Math.max(...present)],
      range,
    };
  }
  return given
    ? { name, type: 'linear', domain: given, range, zero: false, nice: false }
    : {
        name,
        type: 'linear',
        domain: [Math.min(...present), Math.max(...present)],
        range,
        zero: axis.rangemode === 'tozero',
        nice: true,
      };
};

const ticksOf = (axis: Partial<LayoutAxis>, scale: Scale): number[] | undefined => {
  if (axis.tickvals) return axis.tickvals as number[];
  const [low, high] = ('domain' in scale ? scale.domain : undefined) as [number, number];
  if (typeof axis.dtick !== 'number' || scale.type !== 'linear') return undefined;
  const start = Number(axis.tick0 ?? 0);
  const first = Math.ceil((low - start) / axis.dtick - 1e-9);
  const count = Math.floor((high - start) / axis.dtick + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => start + (first + i) * Number(axis.dtick));
};

const vegaAxis = (name: 'x' | 'y', axis: Partial<LayoutAxis>, scale: Scale): Axis => {
  const ticks = ticksOf(axis, scale);
  const size = axis.tickfont?.size ?? 12;
  const isBand = scale.type === 'band' || scale.type === 'point';
  const domain = isBand ? (scale.domain as unknown[]).map(String) : [];
  const labels = axis.ticktext ?? domain;
  const labelWidth = Math.max(0, ...labels.map((text) => textWidth(text, size)));
  const angle = typeof axis.tickangle === 'number' ? axis.tickangle : 0;
  return {
    orient: name === 'x' ? (axis.side === 'top' ? 'top' : 'bottom') : 'left',
    scale: name,
    grid: axis.showgrid ?? !isBand,
    gridColor: gridColour,
    domain: axis.showline !== false,
    domainColor: ink,
    ticks: axis.ticks === 'outside',
    tickColor: ink,
    tickSize: 4,
    labelColor: ink,
    labelFontSize: size,
    labelLimit: 220,
    labelOverlap: !isBand,
    ...(angle === 0 ? {} : { labelAngle: angle, labelAlign: angle < 0 ? 'right' : 'left', labelBaseline: 'middle' }),
    ...(axis.title?.text === undefined
      ? {}
      : {
          title: axis.title.text,
          titleColor: ink,
          titleFontSize: 13,
          titleFontWeight: 'normal',
          titlePadding:
            name === 'y' && isBand ? labelWidth - textWidth('x'.repeat(4), size) + 20 : angle === 0 ? 10 : 10,
        }),
    ...(ticks ? { values: ticks } : {}),
    ...(axis.tickformat ? { format: axis.tickformat } : {}),
    ...(axis.ticktext
      ? {
          encode: {
            labels: {
              update: {
                text: {
                  signal: `${JSON.stringify(axis.ticktext)}[indexof(${JSON.stringify(axis.tickvals)}, datum.value)]`,
                },
              },
            },
          },
        }
      : {}),
  };
};

/** Where a text stands beside its point: plotly's words as Vega's alignment and distances in pixels. */
const standing = (position: string): { align: string; baseline: string; dx: number; dy: number } => {
  const [vertical = 'top', horizontal = 'center'] = position.split(' ');
  const align = { left: 'right', center: 'center', right: 'left' }[horizontal] ?? 'center';
  const baseline = { top: 'bottom', middle: 'middle', bottom: 'top' }[vertical] ?? 'bottom';
  return {
    align,
    baseline,
    dx: { left: -9, center: 0, right: 9 }[horizontal] ?? 0,
    dy: { top: -7, middle: 0, bottom: 7 }[vertical] ?? -7,
  };
};

const errorMarks = (from: string, colour: string, middle: { x?: object; y?: object }): Mark[] => {
  const cap = 3;
  const rule = (test: string, update: object): Mark => ({
    type: 'rule',
    from: { data: from },
    interactive: false,
    encode: {
      update: {
        stroke: { value: colour },
        strokeWidth: { value: 1.25 },
        opacity: { signal: `${test} ? 0.8 : 0` },
        ...update,
      },
    },
  });
  const across = { scale: 'x', field: 'x', ...middle.x };
  const up = { scale: 'y', field: 'y', ...middle.y };
  const at = (end: string, scale: 'x' | 'y', offset: number): object => ({ scale, field: end, offset });
  return [
    rule('isValid(datum.xLow)', { x: at('xLow', 'x', 0), x2: at('xHigh', 'x', 0), y: up }),
    ...['xLow', 'xHigh'].map((end) =>
      rule('isValid(datum.xLow)', { x: at(end, 'x', 0), y: { ...up, offset: -cap }, y2: { ...up, offset: cap } }),
    ),
    rule('isValid(datum.yLow)', { y: at('yLow', 'y', 0), y2: at('yHigh', 'y', 0), x: across }),
    ...['yLow', 'yHigh'].map((end) =>
      rule('isValid(datum.yLow)', {
        y: at(end, 'y', 0),
        x: { ...across, offset: -cap },
        x2: { ...across, offset: cap },
      }),
    ),
  ];
};

const rowsOf = (trace: Trace): Row[] => {
  const y = values(trace.y);
  return values(trace.x).map((x, i) => {
    const across = errorEnds(trace.error_x, x, i);
    const up = errorEnds(trace.error_y, y[i] ?? null, i);
    return {
      x,
      y: y[i] ?? null,
      text: nth(trace.text, i),
      ...standing((nth(trace.textposition, i) as string | undefined) ?? 'top center'),
      xLow: across?.[0] ?? null,
      xHigh: across?.[1] ?? null,
      yLow: up?.[0] ?? null,
      yHigh: up?.[1] ?? null,
    };
  });
};

interface Drawn {
  readonly data: Data[];
  readonly scales?: Scale[];
  readonly marks: Mark[];
  readonly legends?: Legend[];
}

const drawScatter = (trace: Trace, name: string): Drawn => {
  const mode = trace.mode ?? 'lines+markers';
  const colour = colourOf(trace);
  const place = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } };
  const there = 'isValid(datum.x) && isValid(datum.y)';
  const points = { name: `${name} points`, source: name, transform: [{ type: 'filter' as const, expr: there }] };
  const marks: Mark[] = [];
  if (mode.includes('lines')) {
    marks.push({
      type: 'line',
      from: { data: name },
      encode: {
        update: {
          ...place,
          defined: { signal: there },
          stroke: { value: colour },
          strokeWidth: { value: trace.line?.width ?? 2 },
          strokeDash: { value: dashOf(trace) },
          strokeJoin: { value: 'round' },
          ...(trace.opacity === undefined ? {} : { opacity: { value: trace.opacity } }),
        },
      },
    });
  }
  if (trace.error_x ?? trace.error_y) marks.push(...errorMarks(points.name, colour, {}));
  if (mode.includes('markers')) {
    const size = Number(trace.marker?.size ?? 6);
    marks.push({
      type: 'symbol',
      from: { data: points.name },
      encode: {
        update: { ...place, shape: { value: symbolOf(trace) }, size: { value: size * size }, fill: { value: colour } },
      },
    });
  }
  if (mode.includes('text')) {
    marks.push({
      type: 'text',
      from: { data: points.name },
      encode: {
        update: {
          ...place,
          text: { field: 'text' },
          align: { field: 'align' },
          baseline: { field: 'baseline' },
          dx: { field: 'dx' },
          dy: { field: 'dy' },
          fontSize: { value: trace.textfont?.size ?? 12 },
          fill: { value: typeof trace.textfont?.color === 'string' ? trace.textfont.color : ink },
        },
      },
    });
  }
  return { data: [{ name, values: rowsOf(trace) }, points], marks };
};

const drawBar = (
  trace: Trace,
  name: string,
  { index, count, gap }: { index: number; count: number; gap: number },
): Drawn => {
  if (trace.orientation === 'h') throw new Error("renderSvg draws no horizontal bars; the figure's bars must stand");
  const colour = colourOf(trace);
  const share = (part: number): object => ({ scale: 'x', band: (index + part) / count });
  const inner = gap / 2;
  return {
    data: [{ name, values: rowsOf(trace) }],
    marks: [
      {
        type: 'rect',
        from: { data: name },
        encode: {
          update: {
            x: { scale: 'x', field: 'x', offset: { ...share(inner) } },
            width: { scale: 'x', band: (1 - gap) / count },
            y: { scale: 'y', field: 'y' },
            y2: { scale: 'y', value: 0 },
            fill: { value: colour },
            opacity: { signal: 'isValid(datum.y) ? 1 : 0' },
          },
        },
      },
      ...(trace.error_y ? errorMarks(name, ink, { x: { offset: { ...share(0.5) } } }) : []),
      ...(trace.text === undefined
        ? []
        : [
            {
              type: 'text' as const,
              from: { data: name },
              encode: {
                update: {
                  x: { scale: 'x', field: 'x', offset: { ...share(0.5) } },
                  y: { scale: 'y', signal: 'isValid(datum.yHigh) ? datum.yHigh : datum.y' },
                  dy: { value: -4 },
                  align: { value: 'center' },
                  baseline: { value: 'bottom' },
                  text: { field: 'text' },
                  fontSize: { value: trace.textfont?.size ?? 11 },
                  fill: { value: ink },
                },
              },
            } as Mark,
          ]),
    ],
  };
};

const drawHeatmap = (trace: Trace, name: string, frame: Frame): Drawn => {
  const stops = Array.isArray(trace.colorscale) ? (trace.colorscale as [number, string][]) : sequentialScale;
  const z = values(trace.z) as unknown as Value[][];
  const y = values(trace.y);
  const flat = z.flat().filter((value): value is number => typeof value === 'number');
  const low = trace.zmin ?? Math.min(...flat);
  const high = trace.zmax ?? Math.max(...flat);
  const rows = y.flatMap((row, r) =>
    values(trace.x).flatMap((column, c) => {
      const cell = z[r]?.[c] ?? null;
      if (typeof cell !== 'number') return [];
      const fill = colourAt(stops, high > low ? (cell - low) / (high - low) : 0);
      const text = nth(nth(trace.text, r), c) ?? '';
      return {
        x: column,
        y: row,
        fill,
        text,
        ink: contrast(fill, '#ffffff') > contrast(fill, '#000000') ? '#ffffff' : '#000000',
      };
    }),
  );
  const gap = trace.xgap ?? 0;
  const colour = `${name} colours`;
  return {
    data: [{ name, values: rows }],
    scales: [
      {
        name: colour,
        type: 'linear',
        domain: stops.map(([at]) => low + at * (high - low)),
        range: stops.map(([, shade]) => shade),
        interpolate: 'rgb',
      },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: name },
        encode: {
          update: {
            x: { scale: 'x', field: 'x', offset: gap / 2 },
            y: { scale: 'y', field: 'y', offset: gap / 2 },
            width: { scale: 'x', band: 1, offset: -gap },
            height: { scale: 'y', band: 1, offset: -gap },
            fill: { field: 'fill' },
          },
        },
      },
      ...(trace.text === undefined
        ? []
        : [
            {
              type: 'text' as const,
              from: { data: name },
              encode: {
                update: {
                  x: { scale: 'x', field: 'x', band: 0.5 },
                  y: { scale: 'y', field: 'y', band: 0.5 },
                  align: { value: 'center' as const },
                  baseline: { value: 'middle' as const },
                  text: { field: 'text' },
                  fontSize: { value: trace.textfont?.size ?? 11 },
                  fill: { field: 'ink' },
                },
              },
            } as Mark,
          ]),
    ],
    ...(trace.showscale === false
      ? {}
      : {
          legends: [
            {
              fill: colour,
              type: 'gradient' as const,
              orient: 'none' as const,
              legendX: frame.width + 16,
              legendY: 0,
              gradientLength: Math.min(frame.height - 30, 240),
              gradientThickness: 14,
              labelColor: ink,
              labelFontSize: 11,
              titleColor: ink,
              titleFontSize: 12,
              titleFontWeight: 'normal' as const,
              titleLimit: 200,
              titlePadding: 8,
              ...(trace.colorbar?.title?.text === undefined ? {} : { title: trace.colorbar.title.text }),
            },
          ],
        }),
  };
};

/** The legend above the plots, and how many pixels it takes. */
const legendOf = (figure: Figure, width: number): { scales: Scale[]; legends: Legend[]; height: number } => {
  const shown = figure.data.filter(({ showlegend, type }) => showlegend !== false && type !== 'heatmap');
  if (figure.layout.showlegend === false || shown.length < (figure.layout.showlegend === true ? 1 : 2)) {
    return { scales: [], legends: [], height: 0 };
  }
  const names = shown.map(({ name = '' }) => name);
  const entry = Math.max(...names.map((name) => textWidth(name, 12))) + 46;
  const columns = Math.max(1, Math.min(names.length, Math.floor(width / entry)));
  const height = Math.ceil(names.length / columns) * 19 + 6;
  const ordinal = (name: string, range: unknown[]): Scale => ({ name, type: 'ordinal', domain: names, range }) as Scale;
  const isLine = ({ mode }: Trace): boolean => mode === 'lines';
  return {
    scales: [
      ordinal('legend colours', shown.map(colourOf)),
      ordinal(
        'legend symbols',
        shown.map((trace) => (trace.type === 'bar' ? 'square' : isLine(trace) ? 'stroke' : symbolOf(trace))),
      ),
      ordinal(
        'legend dashes',
        shown.map((trace) => (isLine(trace) ? dashOf(trace) : [])),
      ),
    ],
    legends: [
      {
        orient: 'none',
        direction: 'horizontal',
        legendX: 0,
        legendY: -height,
        columns,
        rowPadding: 5,
        columnPadding: 14,
        stroke: 'legend colours',
        fill: 'legend colours',
        shape: 'legend symbols',
        strokeDash: 'legend dashes',
        symbolSize: 90,
        symbolStrokeWidth: 2,
        labelColor: ink,
        labelFontSize: 12,
        labelLimit: 320,
      },
    ],
    height,
  };
};

const headingMarks = (figure: Figure, top: number): Mark[] => {
  const { title } = figure.layout;
  const subtitle = typeof title?.subtitle === 'string' ? title.subtitle : title?.subtitle?.text;
  const line = (text: string, y: number, size: number): Mark => ({
    type: 'text',
    encode: {
      enter: {
        x: { value: 0 },
        y: { value: y },
        text: { value: text },
        fontSize: { value: size },
        fill: { value: ink },
        baseline: { value: 'top' },
        limit: { value: 900 },
      },
    },
  });
  return [
    ...(title?.text === undefined ? [] : [line(title.text, 14 - top, 16)]),
    ...(subtitle === undefined ? [] : [line(subtitle, 38 - top, 12)]),
  ];
};

const font = 'system-ui, "Segoe UI", "Open Sans", Verdana, Arial, sans-serif';

const headingHeight = ({ layout: { title } }: Figure): number =>
  title?.text === undefined ? 0 : title.subtitle === undefined ? 42 : 62;

/** Everything that is drawn against one pair of axes. */
const subplotMark = (
  [xName, yName]: [string, string],
  traces: readonly Trace[],
  layout: Partial<Layout>,
  inner: Frame,
): Mark => {
  const axes = { x: axisOf(layout, xName), y: axisOf(layout, yName) };
  const [left, right] = (axes.x.domain ?? [0, 1]) as [number, number];
  const [bottom, top] = (axes.y.domain ?? [0, 1]) as [number, number];
  const frame: Frame = {
    left: left * inner.width,
    top: (1 - top) * inner.height,
    width: (right - left) * inner.width,
    height: (top - bottom) * inner.height,
  };
  const has = (type: string): boolean => traces.some((trace) => trace.type === type);
  const bars = has('bar') || has('heatmap') ? 'bands' : 'points';
  const gap = has('bar') ? (layout.bargap ?? 0.2) : 0;
  const ends = (axis: 'x' | 'y'): Value[] => traces.flatMap((trace) => values(trace[axis]));
  const scales = {
    x: scaleOf('x', axes.x, ends('x'), { size: frame.width, bars, gap }),
    y: scaleOf('y', axes.y, ends('y'), { size: frame.height, bars, gap: 0 }),
  };
  const barTraces = traces.filter(({ type }) => type === 'bar');
  const drawn = traces.map((trace, i) => {
    const name = `trace ${i}`;
    switch (trace.type) {
      case undefined:
      case 'scatter':
        return drawScatter(trace, name);
      case 'bar':
        return drawBar(trace, name, {
          index: barTraces.indexOf(trace),
          count: barTraces.length,
          gap: layout.bargroupgap ?? 0,
        });
      case 'heatmap':
        return drawHeatmap(trace, name, frame);
      default:
        throw new Error(`renderSvg draws scatter, bar and heatmap, and no trace of type '${trace.type}'`);
    }
  });
  return {
    type: 'group',
    encode: {
      enter: {
        x: { value: frame.left },
        y: { value: frame.top },
        width: { value: frame.width },
        height: { value: frame.height },
      },
    },
    data: drawn.flatMap(({ data }) => data),
    scales: [scales.x, scales.y, ...drawn.flatMap((part) => part.scales ?? [])],
    axes: [vegaAxis('x', axes.x, scales.x), vegaAxis('y', axes.y, scales.y)],
    legends: drawn.flatMap(({ legends = [] }) => legends),
    marks: drawn.flatMap(({ marks }) => marks),
  };
};

/** A figure in Vega's language, at a fixed size. Traces: scatter, bar, heatmap, on any number of subplots. */
export const vegaSpec = (figure: Figure, size: SvgSize): Spec => {
  const { layout } = figure;
  const width = size.width ?? 760;
  const height = size.height ?? layout.height ?? 440;
  const margin = { l: 70, r: 24, t: 60, b: 60, ...layout.margin };
  const legend = legendOf(figure, width - margin.l - margin.r);
  // The margin at the top is plotly's, which makes room for its legend by itself.
  const top = Math.max(headingHeight(figure) + legend.height + 14, 24);
  const inner: Frame = {
    left: 0,
    top: 0,
    width: width - margin.l - margin.r,
    height: height - top - margin.b,
  };
  const subplots = new Map<string, Trace[]>();
  for (const trace of figure.data) {
    const key = `${trace.xaxis ?? 'x'} ${trace.yaxis ?? 'y'}`;
    subplots.set(key, [...(subplots.get(key) ?? []), trace]);
  }
  return {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    description: layout.title?.text ?? 'figure',
    width: inner.width,
    height: inner.height,
    padding: { left: margin.l, right: margin.r, top, bottom: margin.b },
    autosize: 'none',
    config: {
      text: { font },
      axis: { labelFont: font, titleFont: font },
      legend: { labelFont: font, titleFont: font },
    },
    scales: legend.scales,
    legends: legend.legends,
    marks: [
      ...headingMarks(figure, top),
      ...[...subplots].map(([key, traces]) => subplotMark(key.split(' ') as [string, string], traces, layout, inner)),
    ],
  };
};
