import type { Config, Data, Layout } from 'plotly.js';

/** The parts of plotly that the page calls; a script before this one defines it. */
export interface Plotly {
  react(element: HTMLElement, data: Data[], layout: Partial<Layout>, config: Partial<Config>): Promise<unknown>;
  purge(element: HTMLElement): void;
  toImage(
    figure: { readonly data: Data[]; readonly layout: Partial<Layout> },
    options: {
      readonly format: 'svg' | 'png';
      readonly width: number;
      readonly height: number;
      readonly scale: number;
    },
  ): Promise<string>;
}

export const plotly = (): Plotly => (globalThis as unknown as { Plotly: Plotly }).Plotly;
