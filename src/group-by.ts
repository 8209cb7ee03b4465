/** Values in groups of one key, in the order in which their keys first come. */
export const groupBy = <T>(values: readonly T[], key: (value: T) => string): T[][] => {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const known = groups.get(key(value));
    if (known) known.push(value);
    else groups.set(key(value), [value]);
  }
  return [...groups.values()];
};
