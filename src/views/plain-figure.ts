import type { Layout } from 'plotly.js';
import { displayable, type Displayable, type MimeBundle } from '../display.js';
import type { Figure } from '../figures/figure.js';
import { mimeBundle, plotlyBundle } from '../figures/mime-bundle.js';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether `value` is what plotly draws: a list of traces and a layout. */
export const isPlainFigure = (value: unknown): value is Figure =>
  isObject(value) && Array.isArray(value['data']) && value['data'].every(isObject) && isObject(value['layout']);

/** Plotly takes a title's text alone, too. */
const titled = (part: unknown): unknown =>
  isObject(part) && typeof part['title'] === 'string' ? { ...part, title: { text: part['title'] } } : part;

const withTitles = ({ data, layout }: Figure): Figure => ({
  data,
  layout: Object.fromEntries(
    Object.entries(titled(layout) as Partial<Layout>).map(([name, value]) => [
      name,
      /^[xy]axis\d*$/.test(name) ? titled(value) : value,
    ]),
  ),
});

/** Plotly's data and layout as a figure; what only plotly can draw is without the picture for where it is not. */
export const plainFigureView = (value: Figure): Displayable => {
  const figure = withTitles(value);
  return displayable(async (): Promise<MimeBundle> => {
    try {
      return await mimeBundle(figure);
    } catch {
      return plotlyBundle(figure);
    }
  });
};
