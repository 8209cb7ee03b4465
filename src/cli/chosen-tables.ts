import type { Precision } from '../engine/precision.js';
import type { Grid, GridSetting } from '../experiments/grid.js';
import type { ScaleName } from '../experiments/scale-names.js';

/** What `ciard status`, `gather` and `cell list` are asked about. */
export interface SettingFlags {
  readonly scale: ScaleName;
  readonly data?: string;
  readonly seeds?: number;
  readonly precision: Precision;
}

/**
 * The setting that flags name, and the table of a name, or all tables of the paper.
 * @throws UserError where there is no such table or data set, or the table asks nothing at the scale
 */
export const chosenTables = async (
  name: string | undefined,
  { scale, data, seeds, precision }: SettingFlags,
): Promise<{ readonly chosen: readonly Grid[]; readonly setting: GridSetting }> => {
  const [{ parseDatasetName }, { findGrid }, { grids }, { settingOf }, { checkHasRows }] = await Promise.all([
    import('../data/datasets.js'),
    import('../experiments/grids.js'),
    import('../experiments/paper-grids.js'),
    import('../experiments/setting.js'),
    import('../experiments/table.js'),
  ]);
  const chosen = name === undefined ? grids : [findGrid(name)];
  const setting = await settingOf(scale, {
    data: data === undefined ? undefined : parseDatasetName(data),
    replicates: seeds,
    precision,
  });
  for (const grid of chosen) checkHasRows(grid, setting);
  return { chosen, setting };
};
