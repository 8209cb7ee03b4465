/**
 * Colours that colour-blind readers tell apart and that stand out from white as from near-black, since a figure does not
 * know whether its page is light or dark.
 *
 * The first three are Okabe and Ito's (2008). Their yellow, orange and sky blue fade on white and their black on black;
 * violet, brown and pink stand in, chosen so that every two of the six stay apart under each kind of colour blindness
 * (test/figures/theme.test.ts has the numbers). Colour never stands alone: a series has a symbol and a dash as well.
 */
export const seriesColours = ['#0072b2', '#d55e00', '#009e73', '#8a5cf0', '#984f2b', '#c5619a'] as const;

/** Plotly's names of symbols, in the order in which series take them. */
const seriesSymbols = ['circle', 'square', 'diamond', 'triangle-up', 'cross', 'triangle-down', 'x'] as const;

/** Plotly's names of dashes, in the order in which series take them. */
const seriesDashes = ['solid', 'dash', 'dot', 'dashdot', 'longdash'] as const;

/** Text and axes: a grey as far from white as from near-black. */
export const ink = '#777777';
/** Lines behind the data. */
export const gridColour = 'rgba(127, 127, 127, 0.25)';
/** What texts are set in: whatever the reader's system sets its own in. */
export const fontFamily = 'system-ui, "Segoe UI", "Open Sans", Verdana, Arial, sans-serif';
export const transparent = 'rgba(0, 0, 0, 0)';

/** From nothing to all in one hue of rising darkness. Its cells are opaque, so they look alike on every page. */
export const sequentialScale: [number, string][] = [
  [0, '#f2f6fa'],
  [0.25, '#b5d3e7'],
  [0.5, '#5aa2cf'],
  [0.75, '#0072b2'],
  [1, '#003a5c'],
];

export interface SeriesStyle {
  readonly colour: string;
  readonly symbol: string;
  readonly dash: (typeof seriesDashes)[number];
  /** What fills a bar: nothing once the colours come round again. */
  readonly fill: string;
}

/** How series number `index` looks. No two of the first twelve look alike. */
export const seriesStyle = (index: number): SeriesStyle => {
  const colour = seriesColours[index % seriesColours.length]!;
  const isHollow = index >= seriesColours.length;
  return {
    colour,
    symbol: `${seriesSymbols[index % seriesSymbols.length]!}${isHollow ? '-open' : ''}`,
    dash: seriesDashes[index % seriesDashes.length]!,
    fill: isHollow ? transparent : colour,
  };
};
