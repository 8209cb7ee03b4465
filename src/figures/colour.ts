/** Red, green and blue of '#rrggbb', each from 0 to 255. */
export const channelsOf = (hex: string): [number, number, number] => {
  if (!/^#[0-9a-f]{6}$/i.test(hex)) throw new Error(`'${hex}' is not a colour of the form #rrggbb`);
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
};

const hexOf = (channels: readonly number[]): string =>
  `#${channels.map((channel) => Math.round(channel).toString(16).padStart(2, '0')).join('')}`;

/** The colour at `position` in [0, 1] of a scale, mixed in sRGB as plotly mixes it. */
export const colourAt = (scale: readonly (readonly [number, string])[], position: number): string => {
  const at = Math.min(Math.max(position, scale[0]![0]), scale[scale.length - 1]![0]);
  const upper = Math.max(
    1,
    scale.findIndex(([stop]) => stop >= at),
  );
  const [low, from] = scale[upper - 1]!;
  const [high, to] = scale[upper]!;
  const share = (at - low) / (high - low);
  const start = channelsOf(from);
  return hexOf(channelsOf(to).map((end, i) => start[i]! + share * (end - start[i]!)));
};

/** Relative luminance, 0 for black to 1 for white (WCAG 2.2). */
const luminance = (hex: string): number => {
  const [red, green, blue] = channelsOf(hex).map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** How much two colours stand out from each other: 1 for equal ones, 21 for black on white (WCAG 2.2). */
export const contrast = (a: string, b: string): number => {
  const [darker, lighter] = [luminance(a), luminance(b)].sort((p, q) => p - q) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
};
