import { spreadIndices } from '../../evaluation/image-indices.js';
import { unpackOutcome } from '../../evaluation/outcome-bits.js';
import type { Laboratory, ReportRun } from '../data.js';

/**
 * What an evaluation says of the embedded images, one entry an image: 1 where the network is right, 0 where it is not,
 * undefined where the image was not evaluated. Undefined where there is no such evaluation, or it is of other data.
 */
export const embeddedOutcome = (
  run: ReportRun,
  attack: string,
  laboratory: Laboratory,
): (number | undefined)[] | undefined => {
  const evaluation = run.evaluations[attack];
  if (!evaluation || run.data !== laboratory.data || evaluation.testImages !== laboratory.testImages) return undefined;
  const outcome = unpackOutcome(evaluation.outcome, evaluation.total);
  const places = new Map<number, number>();
  spreadIndices(evaluation.testImages, evaluation.total).forEach((index, place) => places.set(index, place));
  return laboratory.indices.map((index) => {
    const place = places.get(index);
    return place === undefined ? undefined : outcome[place];
  });
};
