/**
 * Colours that are told apart by colour-blind readers and that stand out from white as from near-black, since a figure does
 * not know whether its page is light or dark.
 *
 * They are those of Okabe and Ito (2008) where their luminance allows it; orange, sky blue and reddish purple are darker
 * here (theirs fade on white), black and yellow are left out. Colour never stands alone: every series has a symbol and a
 * dash of its own as well.
 */
export const seriesColours = ['#0072b2', '#d55e00', '#009e73', '#c5619a', '#a87900', '#3d95c8'] as const;

/** Plotly's names of symbols, in the order in which series take them. */
export const seriesSymbols = ['circle', 'square', 'diamond', 'triangle-up', 'cross', 'triangle-down', 'x'] as const;

/** Plotly's names of dashes, in the order in which series take them. */
export const seriesDashes = ['solid', 'dash', 'dot', 'dashdot', 'longdash'] as const;

/** Text and axes: a grey as far from white as from near-black. */
export const ink = '#777777';
/** Lines behind the data. */
export const gridColour = 'rgba(127, 127, 127, 0.25)';
export const transparent = 'rgba(0, 0, 0, 0)';

/** From nothing to all, in one hue of rising darkness; cells of it are opaque, so that they look alike on every page. */
export const sequentialScale: [number, string][] = [
  [0, '#f2f6fa'],
  [0.25, '#b5d3e7'],
  [0.5, '#5aa2cf'],
  [0.75, '#0072b2'],
  [1, '#003a5c'],
];

/** How series number `index` looks. */
export const seriesStyle = (
  index: number,
): { readonly colour: string; readonly symbol: string; readonly dash: (typeof seriesDashes)[number] } => ({
  colour: seriesColours[index % seriesColours.length]!,
  symbol: seriesSymbols[index % seriesSymbols.length]!,
  dash: seriesDashes[index % seriesDashes.length]!,
});
