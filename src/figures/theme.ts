import { colourAt } from './colour.js';

/**
 * Colours that colour-blind readers tell apart and that stand out from white as from near-black, so that a figure may be
 * put on either.
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

/**
 * What a figure stands on: a page of its own, since no one colour of text is readable, at WCAG's 4.5 to 1, on white and on
 * near-black. In a dark notebook a figure is a light card, as it is in print.
 */
export const paper = '#ffffff';
/** Text and axes. */
export const ink = '#444444';
/** Lines behind the data. */
export const gridColour = '#e2e2e2';
/** Plotly's buttons while they rest. */
export const buttonColour = '#8a8a8a';
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
  /** Whether the colours have come round: symbols and bars are outlines then. */
  readonly isHollow: boolean;
  /** What fills a bar: a light tint, on which a whisker is seen. The colour itself is its edge. */
  readonly fill: string;
}

/** As many series look different; from there on the looks come round again. */
export const styleCount = 2 * seriesColours.length;

/** How series number `index` looks. No two of the first twelve look alike; those that lie six apart share a colour. */
export const seriesStyle = (index: number): SeriesStyle => {
  const colour = seriesColours[index % seriesColours.length]!;
  const isHollow = index % styleCount >= seriesColours.length;
  return {
    colour,
    symbol: `${seriesSymbols[index % seriesSymbols.length]!}${isHollow ? '-open' : ''}`,
    dash: seriesDashes[index % seriesDashes.length]!,
    isHollow,
    fill: isHollow
      ? transparent
      : colourAt(
          [
            [0, paper],
            [1, colour],
          ],
          0.5,
        ),
  };
};

/** The symbol that comes `places` after another, hollow where that is. */
export const symbolAfter = (symbol: string, places: number): string => {
  const isHollow = symbol.endsWith('-open');
  const at = seriesSymbols.findIndex((each) => each === symbol.replace('-open', ''));
  return `${seriesSymbols[(at + places) % seriesSymbols.length]!}${isHollow ? '-open' : ''}`;
};
