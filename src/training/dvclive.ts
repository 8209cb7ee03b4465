import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../atomic-write.js';

/** One row of metrics: an epoch, and numbers by name. */
export interface MetricsRow {
  /** From 1. */
  readonly epoch: number;
  readonly values: Readonly<Record<string, number>>;
}

/**
 * Writes metrics in DVCLive's format, plain files that `dvc metrics` and `dvc plots` read: `metrics.json` with the latest
 * values, `plots/metrics/<name>.tsv` with each metric's course. Names may have slashes: they become folders.
 */
export const writeMetrics = async (folder: string, rows: readonly MetricsRow[]): Promise<void> => {
  const latest = rows.at(-1);
  if (!latest) return;
  const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  for (const name of names) {
    const lines = rows.flatMap(({ epoch, values }) => (name in values ? [`${epoch}\t${values[name]!}`] : []));
    const file = join(folder, 'plots', 'metrics', `${name}.tsv`);
    await mkdir(join(file, '..'), { recursive: true });
    await writeAtomically(file, [`step\t${name.split('/').at(-1)!}\n${lines.join('\n')}\n`]);
  }
  const summary: Record<string, unknown> = { step: latest.epoch };
  for (const [name, value] of Object.entries(latest.values)) {
    const parts = name.split('/');
    let place = summary;
    for (const part of parts.slice(0, -1)) place = (place[part] ??= {}) as Record<string, unknown>;
    place[parts.at(-1)!] = value;
  }
  await writeAtomically(join(folder, 'metrics.json'), [`${JSON.stringify(summary, null, 2)}\n`]);
};
