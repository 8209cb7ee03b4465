/**
 * What a user can mend: bad flags, missing or broken files, shapes that do not fit.
 *
 * The message says what was given, what was wanted and what to do. The command line prints it alone, without a stack
 * trace, and exits with code 2; everything else that is thrown is a defect of ours and keeps its trace.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Thrown where work was stopped on request (Ctrl-C, a notebook's interrupt) after its state was saved. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/** `error` as text, for a message that is to name the cause. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
