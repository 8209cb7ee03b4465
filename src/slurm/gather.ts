import { existsSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { Grid, GridSetting } from '../experiments/grid.js';
import { sha256OfFile } from '../experiments/network-files.js';
import { recordPipelines } from '../experiments/pipeline-record.js';
import { runFolder, type Places } from '../experiments/places.js';
import { writeReadme } from '../experiments/readme.js';
import { recordsOf, rowsOnRecord } from '../experiments/results.js';
import { renderTable, type TableResult } from '../experiments/table.js';
import { bestFile } from '../training/run-folder.js';

/**
 * Reads what tasks have measured, proves that weights are those that the records tell of, renders tables and verdicts, and
 * tells DVC.
 *
 * @returns the tables of which something is measured
 * @throws UserError where a record can't be read, weights are not a record's, or this is a task of SLURM
 */
export const gather = async (
  grids: readonly Grid[],
  setting: GridSetting,
  {
    places,
    dvc,
    say = () => undefined,
  }: { readonly places: Places; readonly dvc: boolean; readonly say?: (line: string) => void },
): Promise<readonly TableResult[]> => {
  const { SLURM_JOB_ID: job } = process.env;
  if (job !== undefined) {
    throw new UserError(
      `this is task ${job} of SLURM: DVC's lock and the tables are for one process at a time. Run it on the login node.`,
    );
  }
  const found: TableResult[] = [];
  for (const grid of grids) {
    // A table of which nothing is measured is not written.
    if (recordsOf(await rowsOnRecord(grid, setting, places)).length === 0) continue;
    const result = await renderTable(grid, setting, places);
    for (const { id, name, training } of result.records) {
      const file = bestFile(runFolder(places, id));
      if (!training || !existsSync(file)) continue;
      const hash = await sha256OfFile(file);
      if (hash === training.checkpoint) continue;
      throw new UserError(
        `${name}: ${file} has the SHA-256 ${hash.slice(0, 12)}…, but its record is of ${training.checkpoint.slice(0, 12)}…: ` +
          'it was changed or damaged. Remove the run folder and the record to measure it anew.',
      );
    }
    say(`${grid.name}: ${result.records.length} records, ${result.file}`);
    found.push(result);
  }
  if (found.length === 0) return found;
  say(await writeReadme(places));
  if (dvc) await recordPipelines(setting, { places, say });
  return found;
};
