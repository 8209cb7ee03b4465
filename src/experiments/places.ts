import { join } from 'node:path';
import { repositoryRoot } from '../data/location.js';
import { findCellRecord, type CellRecord } from '../results/cell-record.js';
import type { CellId } from '../results/cell.js';
import { allGrids } from './grids.js';

/** Where results and runs lie. */
export interface Places {
  /** A folder a table, with its records. */
  readonly results: string;
  /** What trainings go on from, a folder a cell: ignored by git. */
  readonly runs: string;
}

export const defaultPlaces = (): Places => ({
  results: join(repositoryRoot(), 'results'),
  runs: join(repositoryRoot(), 'runs', 'cells'),
});

/** The places of results that are measured anew, beside those of the repository: all in one folder. */
export const placesIn = (folder: string): Places => ({ results: folder, runs: join(folder, 'cells') });

export const recordsFolder = ({ results }: Places, grid: string): string => join(results, grid, 'records');
export const runFolder = ({ runs }: Places, id: CellId): string => join(runs, id);

/** The record of a cell, in whatever table it was first run for. */
export const recordOf = (places: Places, id: CellId, grid?: string): Promise<CellRecord | undefined> =>
  findCellRecord(
    [...(grid === undefined ? [] : [grid]), ...allGrids.map(({ name }) => name)].map((name) =>
      recordsFolder(places, name),
    ),
    id,
  );
