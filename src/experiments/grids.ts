import { UserError } from '../errors.js';
import type { Grid } from './grid.js';
import { inquiries } from './inquiries.js';
import { grids } from './paper-grids.js';

/** The tables, and what stands beside them. */
export const allGrids: readonly Grid[] = [...grids, ...inquiries];

/** @throws UserError where there is no such table */
export const findGrid = (name: string): Grid => {
  const grid = allGrids.find((candidate) => candidate.name === name);
  if (grid) return grid;
  throw new UserError(`there is no table "${name}". Known are ${allGrids.map((each) => each.name).join(', ')}.`);
};
