/** A fraction in percent, without the sign: .5166 is '51.66'. Every accuracy that is printed is printed by this. */
export const percent = (fraction: number, decimals = 2): string =>
  // What rounds to nothing has no sign.
  (100 * fraction).toFixed(decimals).replace(/^-(?=[0.]+$)/, '');

/** The same as a number, for files and figures: .5166 is 51.66. */
export const percentage = (fraction: number, decimals = 2): number =>
  Math.round(fraction * 10 ** (2 + decimals)) / 10 ** decimals;
