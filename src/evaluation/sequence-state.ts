import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { AttackSequence } from '../attacks/auto-attack.js';
import { writeAtomically } from '../atomic-write.js';
import { UserError } from '../errors.js';
import { identityOfEvaluated, type Evaluated } from './evaluated.js';

/** What decides the outcome of a sequence of attacks. A state belongs to one such subject. */
export type SequenceSubject = Readonly<Record<string, string | number>>;

const whole = z.number().int().nonnegative();
const stageSchema = z
  .object({
    name: z.string(),
    /** Images that the stage is done with, and those of them that it broke. */
    settled: z.array(whole).readonly(),
    broken: z.array(whole).readonly(),
    complete: z.boolean(),
    seconds: z.number().nonnegative(),
    /** What it warned of: whoever goes on has to know. */
    warnings: z.array(z.string()).readonly(),
  })
  .readonly();
const stateSchema = z.object({
  format: z.literal(2),
  subject: z.record(z.string(), z.union([z.string(), z.number()])),
  stages: z.array(stageSchema),
});

/** How far a stage is. Images are numbered by their place among the evaluated ones. */
export type StageState = z.infer<typeof stageSchema>;

/** The subject of a run of `sequence` on what is evaluated. */
export const subjectOf = (sequence: AttackSequence, evaluated: Evaluated): SequenceSubject => ({
  attack: sequence.name,
  stages: sequence.stages.map(({ name }) => name).join(' '),
  ...sequence.settings,
  epsilon: sequence.epsilon,
  ...identityOfEvaluated(evaluated),
});

/**
 * The stages that a file has of `subject`; none where there is no file.
 * @throws UserError where the file is damaged, or of another subject
 */
export const readSequenceState = (path: string, subject: SequenceSubject): StageState[] => {
  if (!existsSync(path)) return [];
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    json = undefined;
  }
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) {
    throw new UserError(`${path} is not the state of an attack, or is damaged. Remove it, or name another file.`);
  }
  const { subject: saved, stages } = parsed.data;
  const keys = [...new Set([...Object.keys(saved), ...Object.keys(subject)])];
  const differing = keys.filter((key) => saved[key] !== subject[key]);
  if (differing.length > 0) {
    const what = differing.map((key) => `${key} (${saved[key] ?? 'none'} there, ${subject[key] ?? 'none'} here)`);
    throw new UserError(
      `${path} is the state of another evaluation: it differs in ${what.join(', ')}. Name another file, or remove it.`,
    );
  }
  return stages;
};

/** Writes the state, atomically. */
export const writeSequenceState = async (
  path: string,
  subject: SequenceSubject,
  stages: readonly StageState[],
): Promise<void> => writeAtomically(path, [`${JSON.stringify({ format: 2, subject, stages })}\n`]);
