import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';

/**
 * One thing that set-up makes. It is there if its stamp, a file inside what it makes, holds its key. The stamp is written
 * last and at once, so whatever interrupts a step, it is made anew.
 * @typedef {object} Step
 * @property {string} name what is made, as the progress line says it: 'Node packages'
 * @property {string[]} after names of the steps that must be there first
 * @property {string} stamp the stamp's file
 * @property {() => string} key everything that what is made depends on
 * @property {() => boolean} [intact] a cheap look at what was made, beyond the stamp
 * @property {() => boolean} [found] whether what is to be made is there already, made by someone else
 * @property {() => Promise<void>} make makes it from nothing, whatever lies there
 */

/**
 * A short name for the content of `parts`.
 * @param {...(string | Buffer)} parts
 * @returns {string}
 */
export const hashOf = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 32);
};

/**
 * @param {string} file
 * @param {string} content
 */
export const writeAtomically = (file, content) => {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, content);
  renameSync(draft, file);
};

/** @param {string} file @returns {string | undefined} */
export const readIfThere = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

/** @param {Step} step */
export const isThere = (step) => readIfThere(step.stamp) === step.key() && (step.intact?.() ?? true);

/**
 * Makes the steps that are not there, those that do not wait for one another at the same time. The first that fails
 * stops those that have not begun; its error is thrown when the others have ended.
 * @param {Step[]} steps
 * @param {{ onStart?: (name: string) => void, onEnd?: (name: string, seconds: number) => void, force?: boolean }} [options]
 *   `onEnd` hears only of steps that had to be made
 * @returns {Promise<void>}
 */
export const makeSteps = async (steps, { onStart = () => undefined, onEnd = () => undefined, force = false } = {}) => {
  /** @type {Map<string, Promise<void>>} */
  const made = new Map();
  let failed = false;
  if (force) for (const step of steps) rmSync(step.stamp, { force: true });
  for (const step of steps) {
    const waitFor = step.after.map((name) => {
      const earlier = made.get(name);
      if (earlier === undefined) throw new Error(`step '${step.name}' waits for '${name}', which is not before it`);
      return earlier;
    });
    const work = async () => {
      await Promise.all(waitFor);
      // Looked at only now: an earlier step may have removed what this one made before.
      if (failed || isThere(step)) return;
      const began = performance.now();
      onStart(step.name);
      try {
        if (force || !(step.found?.() ?? false)) await step.make();
        writeAtomically(step.stamp, step.key());
      } catch (error) {
        failed = true;
        throw error;
      }
      onEnd(step.name, (performance.now() - began) / 1000);
    };
    made.set(step.name, work());
  }
  const outcomes = await Promise.allSettled(made.values());
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw /** @type {PromiseRejectedResult} */ (failure).reason;
};
