import type { MimeBundle } from '../display.js';
import type { Figure } from './figure.js';
import { renderSvg } from './render-svg.js';

const titleOf = ({ layout }: Figure): string => layout.title?.text ?? 'figure';

/** What stands in a figure for a reader of plain text: its title, its axes, its series. */
const asText = (figure: Figure): string => {
  const { layout, data } = figure;
  const names = data.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const axes = [layout.yaxis, layout.xaxis].flatMap((axis) => axis?.title?.text ?? []);
  return `[${titleOf(figure)}: ${axes.join(' by ')}${names.length > 0 ? `; ${names.join(', ')}` : ''}]`;
};

/**
 * A figure as a picture alone. JupyterLab draws plotly's form once and leaves it as it was when an update replaces it; a
 * picture it draws anew each time.
 * @throws Error as `renderSvg` does
 */
export const pictureBundle = async (figure: Figure): Promise<MimeBundle> => ({
  'image/svg+xml': await renderSvg(figure),
  'text/plain': asText(figure),
});

/** A figure as plotly draws it, and as text. */
export const plotlyBundle = (figure: Figure): MimeBundle => ({
  'application/vnd.plotly.v1+json': {
    data: figure.data,
    layout: figure.layout,
    config: { responsive: true, displaylogo: false, showSendToCloud: false },
  },
  'text/plain': asText(figure),
});

/**
 * A figure for a notebook: plotly's form, which hovers and zooms, and SVG for where plotly is not.
 * @throws Error as `renderSvg` does
 */
export const mimeBundle = async (figure: Figure): Promise<MimeBundle> => ({
  ...plotlyBundle(figure),
  ...(await pictureBundle(figure)),
});
