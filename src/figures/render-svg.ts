import type { Figure } from './figure.js';
import { vegaSpec, type SvgSize } from './vega/spec.js';

/** Renders wait for each other: Vega numbers clip paths and gradients by counters of the whole process. */
let last: Promise<unknown> = Promise.resolve();

/** Coordinates in thousandths of a pixel: finer than any screen, and the same bytes from machines that round differently. */
const rounded = (svg: string): string =>
  svg.replace(/<[^>]+>/g, (tag) =>
    tag.replace(/-?\d+\.\d{4,}(?:e-?\d+)?/g, (number) => String(Math.round(Number(number) * 1000) / 1000 || 0)),
  );

/**
 * Draws a figure as SVG, without a browser: Vega draws what plotly's traces say. The same figure gives the same bytes.
 * @throws Error where the figure has a trace or a setting that is drawn by plotly alone
 */
export const renderSvg = async (figure: Figure, size: SvgSize = {}): Promise<string> => {
  const spec = vegaSpec(figure, size);
  const render = async (): Promise<string> => {
    const vega = await import('vega');
    const { parse, resetSVGDefIds, View, Warn } = vega;
    // Widths are estimated, whether or not a canvas to measure on happens to be installed. (The types leave this out.)
    (vega as unknown as { textMetrics: { canvas(use: boolean): void } }).textMetrics.canvas(false);
    const view = new View(parse(spec), { renderer: 'none', logLevel: Warn });
    try {
      await view.runAsync();
      resetSVGDefIds();
      return rounded(`${await view.toSVG()}\n`);
    } finally {
      view.finalize();
    }
  };
  const result = last.then(render, render);
  last = result;
  return result;
};
