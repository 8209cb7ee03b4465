/** A fraction in percent, without the sign: .5166 is '51.66'. Every accuracy that is printed is printed by this. */
export const percent = (fraction: number, decimals = 2): string =>
  // What rounds to nothing has no sign.
  (100 * fraction).toFixed(decimals).replace(/^-(?=[0.]+$)/, '');
