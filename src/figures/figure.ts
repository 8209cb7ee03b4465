import type { Layout, PlotData } from 'plotly.js';

/**
 * A figure is plotly's data and layout, made by a pure function of what it shows. `renderSvg` draws it where there is no
 * browser, `mimeBundle` shows it in a notebook.
 */
export interface Figure {
  readonly data: readonly Partial<PlotData>[];
  readonly layout: Partial<Layout>;
}
