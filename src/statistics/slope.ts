import { UserError } from '../errors.js';

/** A value by where it was measured: accuracy by epoch. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * How much y rises as x rises by one: the line of least squares.
 * @throws UserError where there are no two different x
 */
export const slopeOf = (points: readonly Point[]): number => {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  const x = sorted.reduce((sum, point) => sum + point.x, 0) / sorted.length;
  const y = sorted.reduce((sum, point) => sum + point.y, 0) / sorted.length;
  const spread = sorted.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  if (!(spread > 0)) {
    throw new UserError(
      `a slope is asked for of ${points.length} points at one place; wanted are two places at least.`,
    );
  }
  return sorted.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spread;
};
