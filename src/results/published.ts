import { readFileSync } from 'node:fs';

interface Published {
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly dataset: string;
    readonly student: string;
    readonly method: string;
    readonly values: readonly (number | null)[];
    readonly source: string;
  }[];
}

const published = JSON.parse(readFileSync(new URL('./published.json', import.meta.url), 'utf8')) as Published;

/** The paper's names of networks and attacks, by ours. */
const students: Readonly<Record<string, string>> = { resnet18: 'resnet18', mobilenetv2: 'mobilenet_v2' };
const columns: Readonly<Record<string, string>> = {
  clean: 'clean',
  fgsm: 'fgsm',
  pgd_sat: 'pgd-sat',
  pgd_trades: 'pgd-trades',
  cw: 'cw',
  bb_pgd_trades: 'bb-pgd-trades',
  square100: 'square-100',
  bb_cw: 'bb-cw',
  aa: 'autoattack',
};
const methods: Readonly<Record<string, string>> = { 'ciard-code': 'ciard', 'b-mtard': 'bmtard' };

/**
 * The published row of a data set, a student and a method, in percent by our names of attacks. The numbers are those of
 * full training at full width.
 */
export const publishedRow = (
  dataset: string,
  architecture: string,
  method: string,
): { values: Record<string, number>; source: string } | undefined => {
  const row = published.rows.find(
    (candidate) =>
      candidate.dataset === dataset &&
      candidate.student === students[architecture] &&
      candidate.method === (methods[method] ?? method),
  );
  if (!row) return undefined;
  const values: Record<string, number> = {};
  published.columns.forEach((column, i) => {
    const value = row.values[i];
    if (typeof value === 'number') values[columns[column] ?? column] = value;
  });
  return { values, source: row.source };
};
