/** Characters of a message, at most. */
const longestMessage = 4000;

/**
 * A message quotes names out of files, which in a damaged or malicious one may be of any length and hold what a terminal
 * obeys: of a long one the two ends stay, of control characters line breaks and tabs.
 */
const readable = (message: string): string => {
  const half = longestMessage / 2;
  const short =
    message.length <= longestMessage ? message : `${message.slice(0, half)} … ${message.slice(message.length - half)}`;
  return short.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd');
};

/**
 * What a user can mend: bad flags, missing or broken files, shapes that do not fit.
 *
 * The message says what was given, what was wanted and what to do. The command line prints it alone, without a stack
 * trace, and exits with code 2; everything else that is thrown is a defect of ours and keeps its trace.
 */
export class UserError extends Error {
  override readonly name = 'UserError';

  constructor(message: string, options?: ErrorOptions) {
    super(readable(message), options);
  }
}

/** Thrown where work was stopped on request (Ctrl-C, a notebook's interrupt) after its state was saved. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/** `error` as text, for a message that is to name the cause. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
