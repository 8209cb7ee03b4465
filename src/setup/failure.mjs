/**
 * What stops set-up and what a user can mend: a missing prerequisite, a wrong flag, a registry that does not answer.
 *
 * `src/errors.ts` has the same idea for the program; this one exists because set-up runs before TypeScript can be loaded.
 */
export class SetupError extends Error {
  /**
   * @param {string} message what is wrong and what to do
   * @param {number} [exitCode] 2 where the user has to change something first, 1 where a command failed
   */
  constructor(message, exitCode = 2) {
    super(message);
    this.name = 'SetupError';
    this.exitCode = exitCode;
  }
}
