import { readFileSync } from 'node:fs';
import { z } from 'zod';

const rowSchema = z.strictObject({
  dataset: z.string(),
  student: z.string(),
  method: z.string(),
  /** The paper that printed the numbers. */
  paper: z.string(),
  evidence: z.enum(['first-hand', "image of the paper's page", 'second-hand']),
  source: z.string(),
  /** Percent, by our names of attacks. */
  values: z.record(z.string(), z.number().min(0).max(100)),
  /** Why numbers of the row are not to be used: some of them, or all. */
  suspect: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  note: z.string().optional(),
  teacher: z.string().optional(),
  checkpoint: z.string().optional(),
});
type PublishedNumbers = z.infer<typeof rowSchema>;

/** What was published of a network: the numbers of full training at full width, on the whole test set. */
export interface PublishedRow {
  /** Percent, by our names of attacks; 'clean' among them. */
  readonly values: Readonly<Record<string, number>>;
  /** Whose table it is: 'MTARD'. Baselines are as other papers print them. */
  readonly paper: string;
  /** Where exactly the numbers are from. */
  readonly source: string;
  /** Transcribed by a third party: the paper's own page was not seen. */
  readonly secondHand: boolean;
}

const { rows } = z
  .object({ rows: z.array(rowSchema) })
  .parse(JSON.parse(readFileSync(new URL('./published.json', import.meta.url), 'utf8')));

/** A method that is another setting of a published one, and is compared with its numbers. */
const publishedAs: Readonly<Record<string, string>> = { 'ciard-code': 'ciard' };

/** A row without what is probably a misprint. */
export const selectPublished = (
  candidates: readonly PublishedNumbers[],
  dataset: string,
  student: string,
  method: string,
): PublishedRow | undefined => {
  const row = candidates.find(
    (candidate) =>
      typeof candidate.suspect !== 'string' &&
      candidate.dataset === dataset &&
      candidate.student === student &&
      candidate.method === (publishedAs[method] ?? method),
  );
  if (!row) return undefined;
  const { values, suspect, paper, source, evidence } = row;
  const doubtful = typeof suspect === 'object' ? Object.keys(suspect) : [];
  return {
    values: Object.fromEntries(Object.entries(values).filter(([attack]) => !doubtful.includes(attack))),
    paper,
    source,
    secondHand: evidence === 'second-hand',
  };
};

/**
 * The published numbers of a method's student ('resnet18', 'mobilenetv2') on a data set, where there are any. RSLAD's own
 * black-box numbers are not among them: other source of transfer, other number of queries.
 */
export const publishedRow = (dataset: string, student: string, method: string): PublishedRow | undefined =>
  selectPublished(rows, dataset, student, method);
