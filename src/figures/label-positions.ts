/** A label that is to stand beside a point, in the axes' units. */
export interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** The ends of the point's error bars. */
  readonly xEnds: readonly [number, number];
  readonly yEnds: readonly [number, number];
}

/** Plotly's names for where a text stands, the preferred one first. */
const places = [
  { name: 'top center', across: 0, up: 1 },
  { name: 'bottom center', across: 0, up: -1 },
  { name: 'middle right', across: 1, up: 0 },
  { name: 'middle left', across: -1, up: 0 },
  { name: 'top right', across: 1, up: 1 },
  { name: 'bottom right', across: 1, up: -1 },
  { name: 'top left', across: -1, up: 1 },
  { name: 'bottom left', across: -1, up: -1 },
] as const;

export type LabelPosition = (typeof places)[number]['name'];

/** The plot that labels are placed for, in pixels; a wider one leaves them more room. */
const symbolRadius = 4;
const plot = { width: 600, height: 300, character: 7, line: 15, gap: 8 };

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const overlap = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) *
  Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));

/**
 * Where each label stands so that it covers no other label, no point and no edge of the plot, as far as that can be had:
 * one after the other takes the first free place, or the one that covers least.
 */
export const labelPositions = (
  labels: readonly Label[],
  range: { readonly x: readonly [number, number]; readonly y: readonly [number, number] },
): LabelPosition[] => {
  const across = (x: number): number => ((x - range.x[0]) / (range.x[1] - range.x[0])) * plot.width;
  const down = (y: number): number => ((range.y[1] - y) / (range.y[1] - range.y[0])) * plot.height;
  const pixels = labels.map(({ x, y }) => ({ x: across(x), y: down(y) }));
  const box = (left: number, right: number, top: number, bottom: number): Box => ({
    left: left - 2,
    right: right + 2,
    top: top - 2,
    bottom: bottom + 2,
  });
  const taken: Box[] = labels.flatMap(({ xEnds, yEnds }, i) => {
    const { x, y } = pixels[i]!;
    return [
      box(x - symbolRadius, x + symbolRadius, y - symbolRadius, y + symbolRadius),
      box(across(xEnds[0]), across(xEnds[1]), y, y),
      box(x, x, down(yEnds[1]), down(yEnds[0])),
    ];
  });
  return labels.map(({ text }, index) => {
    const { x, y } = pixels[index]!;
    const width = text.length * plot.character;
    const tried = places.map(({ name, across, up }) => {
      const centre = x + across * (width / 2 + plot.gap);
      const middle = y - up * (plot.line / 2 + plot.gap);
      const box = {
        left: centre - width / 2,
        right: centre + width / 2,
        top: middle - plot.line / 2,
        bottom: middle + plot.line / 2,
      };
      const inside = overlap(box, { left: 0, right: plot.width, top: 0, bottom: plot.height });
      const cost = width * plot.line - inside + taken.reduce((sum, other) => sum + overlap(box, other), 0);
      return { name, box, cost };
    });
    const best = tried.reduce((least, next) => (next.cost < least.cost - 1e-9 ? next : least));
    taken.push(best.box);
    return best.name;
  });
};
