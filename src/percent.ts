/**
 * A number rounded to so many decimals, halves away from zero. Means of two counts often are halves in decimal notation and
 * a bit less in binary, depending on the order of operations; so digits beyond the twelfth are not looked at.
 */
const rounded = (value: number, decimals: number): number =>
  (Math.sign(value) * Math.round(Number((Math.abs(value) * 10 ** decimals).toPrecision(12)))) / 10 ** decimals;

/** A number with so many decimals; what rounds to nothing has no sign. Every result that is printed is printed by this. */
export const decimal = (value: number, decimals = 2): string => (rounded(value, decimals) + 0).toFixed(decimals);

/** A fraction in percent, without the sign: .5166 is '51.66'. */
export const percent = (fraction: number, decimals = 2): string => decimal(100 * fraction, decimals);

/** The same as a number, for files and figures: .5166 is 51.66. */
export const percentage = (fraction: number, decimals = 2): number => rounded(100 * fraction, decimals);
