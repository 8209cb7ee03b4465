import type { ErrorBar, PlotData } from 'plotly.js';
import type { Data, Legend, Mark, Scale } from 'vega';
import { colourAt, contrast } from '../colour.js';
import { ink, sequentialScale, transparent } from '../theme.js';

export type Trace = Partial<PlotData>;
export type Value = string | number | null;

/** A trace in Vega's words; its marks are drawn on the scales 'x' and 'y'. */
export interface DrawnTrace {
  readonly data: Data[];
  readonly scales?: Scale[];
  readonly marks: Mark[];
  readonly legends?: Legend[];
}

/** The values of one of a trace's arrays. */
export const valuesOf = (array: unknown): Value[] => (array === undefined ? [] : Array.from(array as ArrayLike<Value>));

/** A setting that is one for all, or one a point. */
const ofPoint = (setting: unknown, point: number): unknown =>
  Array.isArray(setting) ? (setting as unknown[])[point] : setting;

/** Plotly's names of symbols in Vega's words: a name, or a path in the square from −1 to 1. */
const symbols: Readonly<Record<string, string>> = {
  circle: 'circle',
  square: 'square',
  diamond: 'diamond',
  'triangle-up': 'triangle-up',
  'triangle-down': 'triangle-down',
  cross: 'cross',
  x: 'M-1,-.5L-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0Z',
};

/** Pixels drawn and left out in turn. */
const dashes: Readonly<Record<string, number[]>> = {
  solid: [],
  dash: [7, 4],
  dot: [2, 3],
  dashdot: [7, 3, 2, 3],
  longdash: [12, 5],
};

/** A line in the legend, wider than a symbol so that it shows its dash. */
export const lineShape = 'M-2.2,0L2.2,0';

const known = <T>(table: Readonly<Record<string, T>>, name: string, what: string): T => {
  const found = table[name];
  if (found !== undefined) return found;
  throw new Error(`renderSvg draws no ${what} '${name}'; it draws ${Object.keys(table).join(', ')}`);
};

const symbolName = ({ marker }: Trace): string => {
  const symbol = marker && 'symbol' in marker ? marker.symbol : undefined;
  return typeof symbol === 'string' ? symbol : 'circle';
};

/** How a trace looks, in the plot as in the legend. */
export interface TraceStyle {
  readonly colour: string;
  readonly fill: string;
  readonly shape: string;
  readonly dash: number[];
}

const plainColour = (colour: unknown): string | undefined => (typeof colour === 'string' ? colour : undefined);

export const styleOf = (trace: Trace): TraceStyle => {
  const name = symbolName(trace);
  const marker = plainColour(trace.marker?.color);
  const line = plainColour(trace.line?.color);
  if (trace.type === 'bar') {
    return {
      colour: plainColour(trace.marker?.line?.color) ?? marker ?? ink,
      fill: marker ?? ink,
      shape: 'square',
      dash: [],
    };
  }
  if (trace.mode === 'lines') {
    const dash = known(dashes, trace.line?.dash ?? 'solid', 'dash');
    return { colour: line ?? ink, fill: transparent, shape: lineShape, dash };
  }
  const colour = marker ?? line ?? ink;
  const shape = known(symbols, name.replace(/-open$/, ''), 'symbol');
  return { colour, fill: name.endsWith('-open') ? transparent : colour, shape, dash: [] };
};

/** Where a text stands beside its point: plotly's words as Vega's alignment and distances in pixels. */
const textPlaces: Readonly<Record<string, { align: string; baseline: string; dx: number; dy: number }>> = {
  'top left': { align: 'right', baseline: 'bottom', dx: -5, dy: -6 },
  'top center': { align: 'center', baseline: 'bottom', dx: 0, dy: -7 },
  'top right': { align: 'left', baseline: 'bottom', dx: 5, dy: -6 },
  'middle left': { align: 'right', baseline: 'middle', dx: -9, dy: 0 },
  'middle center': { align: 'center', baseline: 'middle', dx: 0, dy: 0 },
  'middle right': { align: 'left', baseline: 'middle', dx: 9, dy: 0 },
  'bottom left': { align: 'right', baseline: 'top', dx: -5, dy: 6 },
  'bottom center': { align: 'center', baseline: 'top', dx: 0, dy: 7 },
  'bottom right': { align: 'left', baseline: 'top', dx: 5, dy: 6 },
};

/** The ends of a point's error bar in the axis' units. */
const errorEnds = (bar: ErrorBar | undefined, value: Value, point: number): [number, number] | undefined => {
  if (bar === undefined || bar.visible === false || typeof value !== 'number') return undefined;
  if (bar.type !== 'data') throw new Error(`renderSvg draws no error bars of type '${bar.type}', only 'data'`);
  const above = Number(bar.array[point] ?? 0);
  const below = bar.symmetric === false ? Number(bar.arrayminus?.[point] ?? 0) : above;
  return [value - below, value + above];
};

const rowsOf = (trace: Trace): Record<string, unknown>[] => {
  const y = valuesOf(trace.y);
  return valuesOf(trace.x).map((x, point) => {
    const up = y[point] ?? null;
    const [xLow = null, xHigh = null] = errorEnds(trace.error_x, x, point) ?? [];
    const [yLow = null, yHigh = null] = errorEnds(trace.error_y, up, point) ?? [];
    const place = ofPoint(trace.textposition, point);
    return {
      x,
      y: up,
      text: ofPoint(trace.text, point),
      ...known(textPlaces, typeof place === 'string' ? place : 'top center', 'text position'),
      ...{ xLow, xHigh, yLow, yHigh },
    };
  });
};

const isThere = 'isValid(datum.x) && isValid(datum.y)';

/** A part of a band, as Vega writes it. */
interface BandPart {
  readonly scale: string;
  readonly band: number;
}

/** Bars with caps from xLow to xHigh and from yLow to yHigh; `offset` moves those of y sideways. */
const errorBars = (data: string, colour: string, offset: BandPart | number = 0): Mark[] => {
  const cap = 3;
  const middle = { scale: 'x', field: 'x', offset };
  const up = { scale: 'y', field: 'y' };
  const end = (scale: 'x' | 'y', field: string) => ({ scale, field });
  const sideways = (distance: number) =>
    // A cap is drawn around the middle of its bar: an offset on the offset.
    typeof offset === 'number'
      ? { ...middle, offset: offset + distance }
      : { ...middle, offset: { ...offset, offset: distance } };
  const rule = (present: string, place: object): Mark => ({
    type: 'rule',
    from: { data },
    encode: {
      update: {
        ...place,
        stroke: { value: colour },
        strokeWidth: { value: 1.25 },
        opacity: { signal: `isValid(datum.${present}) ? 0.8 : 0` },
      },
    },
  });
  return [
    rule('xLow', { x: end('x', 'xLow'), x2: end('x', 'xHigh'), y: up }),
    ...['xLow', 'xHigh'].map((field) =>
      rule(field, { x: end('x', field), y: { ...up, offset: -cap }, y2: { ...up, offset: cap } }),
    ),
    rule('yLow', { y: end('y', 'yLow'), y2: end('y', 'yHigh'), x: middle }),
    ...['yLow', 'yHigh'].map((field) => rule(field, { y: end('y', field), x: sideways(-cap), x2: sideways(cap) })),
  ];
};

export const drawScatter = (trace: Trace, name: string): DrawnTrace => {
  const mode = trace.mode ?? 'lines+markers';
  const { colour, fill, shape } = styleOf(trace);
  const place = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } };
  const points = `${name} points`;
  const marks: Mark[] = [];
  if (mode.includes('lines')) {
    marks.push({
      type: 'line',
      from: { data: trace.connectgaps ? points : name },
      encode: {
        update: {
          ...place,
          defined: { signal: isThere },
          stroke: { value: plainColour(trace.line?.color) ?? colour },
          strokeWidth: { value: trace.line?.width ?? 2 },
          strokeDash: { value: known(dashes, trace.line?.dash ?? 'solid', 'dash') },
          strokeJoin: { value: 'round' },
        },
      },
    });
  }
  if (trace.error_x ?? trace.error_y) marks.push(...errorBars(points, colour));
  if (mode.includes('markers')) {
    const size = Number(trace.marker?.size ?? 6);
    marks.push({
      type: 'symbol',
      from: { data: points },
      encode: {
        update: {
          ...place,
          shape: { value: shape },
          size: { value: size * size },
          fill: { value: fill },
          stroke: { value: colour },
          strokeWidth: { value: fill === transparent ? 2 : 0 },
        },
      },
    });
  }
  if (mode.includes('text')) {
    marks.push({
      type: 'text',
      from: { data: points },
      encode: {
        update: {
          ...place,
          text: { field: 'text' },
          align: { field: 'align' },
          baseline: { field: 'baseline' },
          dx: { field: 'dx' },
          dy: { field: 'dy' },
          fontSize: { value: trace.textfont?.size ?? 12 },
          fill: { value: ink },
        },
      },
    });
  }
  return {
    data: [
      { name, values: rowsOf(trace) },
      { name: points, source: name, transform: [{ type: 'filter', expr: isThere }] },
    ],
    marks,
  };
};

export interface BarPlace {
  /** Which of the bars of a category it is, of how many. */
  readonly index: number;
  readonly count: number;
  /** Between the bars of a category, in parts of one. */
  readonly gap: number;
}

export const drawBar = (trace: Trace, name: string, { index, count, gap }: BarPlace): DrawnTrace => {
  if (trace.orientation === 'h') throw new Error('renderSvg draws no lying bars, only standing ones');
  if (trace.text !== undefined) throw new Error('renderSvg writes no text on bars');
  const { colour, fill } = styleOf(trace);
  const bandStart = { scale: 'x', band: (index + gap / 2) / count };
  const bandMiddle = { scale: 'x', band: (index + 0.5) / count };
  return {
    data: [{ name, values: rowsOf(trace), transform: [{ type: 'filter', expr: isThere }] }],
    marks: [
      {
        type: 'rect',
        from: { data: name },
        encode: {
          update: {
            x: { scale: 'x', field: 'x', offset: bandStart },
            width: { scale: 'x', band: (1 - gap) / count },
            y: { scale: 'y', field: 'y' },
            y2: { scale: 'y', value: 0 },
            fill: { value: fill },
            stroke: { value: colour },
            strokeWidth: { value: fill === transparent ? 2 : Number(trace.marker?.line?.width ?? 0) },
          },
        },
      },
      ...(trace.error_y ? errorBars(name, ink, bandMiddle) : []),
    ],
  };
};

/** Cells, and beside a plot of `width` by `height` pixels the scale of their colours. */
export const drawHeatmap = (trace: Trace, name: string, plot: { width: number; height: number }): DrawnTrace => {
  const stops = Array.isArray(trace.colorscale) ? (trace.colorscale as [number, string][]) : sequentialScale;
  const z = valuesOf(trace.z) as unknown as Value[][];
  const numbers = z.flat().filter((value): value is number => typeof value === 'number');
  const low = trace.zmin ?? Math.min(...numbers);
  const high = trace.zmax ?? Math.max(...numbers);
  const cells = valuesOf(trace.y).flatMap((y, row) =>
    valuesOf(trace.x).flatMap((x, column) => {
      const value = z[row]?.[column];
      // What is nothing is left to the background, or a hundred classes would take half a megabyte.
      if (typeof value !== 'number' || (value <= low && trace.text === undefined)) return [];
      const fill = colourAt(stops, high > low ? (value - low) / (high - low) : 0);
      const stroke = contrast(fill, '#ffffff') > contrast(fill, '#000000') ? '#ffffff' : '#000000';
      return { x, y, fill, stroke, text: ofPoint(ofPoint(trace.text, row), column) ?? '' };
    }),
  );
  const colours = `${name} colours`;
  const gap = trace.xgap ?? 0;
  const background: Mark = {
    type: 'rect',
    encode: {
      enter: {
        width: { value: plot.width },
        height: { value: plot.height },
        fill: { value: colourAt(stops, 0) },
      },
    },
  };
  const text: Mark = {
    type: 'text',
    from: { data: name },
    encode: {
      update: {
        x: { scale: 'x', field: 'x', band: 0.5 },
        y: { scale: 'y', field: 'y', band: 0.5 },
        align: { value: 'center' },
        baseline: { value: 'middle' },
        text: { field: 'text' },
        fontSize: { value: trace.textfont?.size ?? 11 },
        fill: { field: 'stroke' },
      },
    },
  };
  const legend: Legend = {
    fill: colours,
    type: 'gradient',
    orient: 'none',
    legendX: plot.width + 16,
    legendY: 0,
    gradientLength: Math.min(plot.height - 30, 240),
    gradientThickness: 14,
    labelColor: ink,
    labelFontSize: 11,
    titleColor: ink,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titleLimit: 200,
    titlePadding: 8,
    ...(trace.colorbar?.title?.text === undefined ? {} : { title: trace.colorbar.title.text }),
  };
  return {
    data: [{ name, values: cells }],
    scales: [
      {
        name: colours,
        type: 'linear',
        domain: stops.map(([at]) => low + at * (high - low)),
        range: stops.map(([, colour]) => colour),
        interpolate: 'rgb',
      },
    ],
    marks: [
      ...(trace.text === undefined ? [background] : []),
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
      ...(trace.text === undefined ? [] : [text]),
    ],
    legends: trace.showscale === false ? [] : [legend],
  };
};
