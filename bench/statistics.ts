/** How a set of times lies. The unit is that of the values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  /** The quartiles: half of the values lie between them. */
  readonly q1: number;
  readonly q3: number;
  readonly max: number;
  readonly runs: number;
}

/** The value below which `share` of the sorted values lie, linear between neighbours (the default rule of R and NumPy). */
const quantile = (sorted: readonly number[], share: number): number => {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  return low + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - low);
};

/** @throws RangeError for no values */
export const spread = (values: readonly number[]): Spread => {
  if (values.length === 0) throw new RangeError('spread: of no values');
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: sorted[0]!,
    q1: quantile(sorted, 0.25),
    q3: quantile(sorted, 0.75),
    max: sorted.at(-1)!,
    runs: sorted.length,
  };
};
