// A file of its own: the command line names the scales before it loads what they are made of.

export const scaleNames = ['quick', 'lite', 'paper'] as const;

/**
 * How much is spent: `quick` on embedded data in minutes, `lite` on real data in hours on two cores, `paper` the published
 * recipes.
 */
export type ScaleName = (typeof scaleNames)[number];
