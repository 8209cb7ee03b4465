import { z } from 'zod';
import { wilsonInterval } from './interval.js';

/** A measured accuracy: `correct` of `total` images are right. */
export const accuracySchema = z
  .strictObject({
    correct: z.number().int().min(0),
    total: z.number().int().min(0),
    /** Where the true accuracy lies at 95 % (Wilson), as fractions. */
    interval: z.tuple([z.number(), z.number()]).readonly(),
  })
  .readonly()
  .refine(({ correct, total }) => correct <= total, 'more images are right than there are');

export type Accuracy = z.infer<typeof accuracySchema>;

/** As a fraction; 0 where there are no images. */
export const accuracyOf = ({ correct, total }: Pick<Accuracy, 'correct' | 'total'>): number =>
  total === 0 ? 0 : correct / total;

/** The accuracy that `correct` of `total` images make. */
export const accuracyFrom = (correct: number, total: number): Accuracy => ({
  correct,
  total,
  interval: wilsonInterval(correct, total),
});

/** The accuracy of an outcome: one entry an image, 1 where it is right, else 0. */
export const measureOf = (outcome: Uint8Array): Accuracy =>
  accuracyFrom(
    outcome.reduce((sum, right) => sum + right, 0),
    outcome.length,
  );
