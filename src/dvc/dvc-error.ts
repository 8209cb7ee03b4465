import { UserError } from '../errors.js';

/** What DVC's failures come from, as far as something can be said of them. */
export type DvcFailure =
  /** DVC is not installed. */
  | 'not set up'
  /** Another process works on the repository. */
  | 'lock held'
  /** A tracked file is neither in the cache nor on the remote, or is damaged there. */
  | 'missing'
  /** A tracked file was changed, and the call would overwrite it. */
  | 'changed'
  /** A stage's own command failed, or was stopped. */
  | 'stage failed'
  | 'other';

/** A call of DVC that failed: why, and which files or stages it named. */
export class DvcError extends UserError {
  constructor(
    message: string,
    readonly failure: DvcFailure,
    readonly paths: readonly string[] = [],
  ) {
    super(message);
  }
}

/** Text without control sequences; what a progress bar overwrote is gone. */
export const plain = (text: string): string =>
  text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '').replace(/^.*\r(?=[^\n])/gm, '');

/** What DVC said, without its decoration: the lines of standard error after the first `ERROR:`, or all of it. */
const complaint = (text: string): string => {
  const error = text.indexOf('ERROR:');
  return (error < 0 ? text : text.slice(error + 'ERROR:'.length)).trim();
};

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ');

/** The lines of a list that a sentence begins, up to one that is no path. */
const listAfter = (text: string, sentence: RegExp): string[] => {
  const match = sentence.exec(text);
  if (!match) return [];
  const lines = text.slice(match.index + match[0].length).split('\n');
  const end = lines.findIndex((line) => /^$|^Is your cache|^<http/.test(line.trim()));
  return lines.slice(0, end < 0 ? undefined : end).map((line) => line.trim());
};

/**
 * What DVC's output means.
 *
 * @param call for the message: 'dvc pull'
 * @param said standard error, or standard output where that is empty
 */
export const translate = (call: string, said: string): DvcError => {
  const text = complaint(plain(said));
  const holders = [...text.matchAll(/\(PID (\d+)\): (.*)/g)].map(([, pid, command]) => `process ${pid!} (${command!})`);
  if (holders.length > 0 || /Unable to acquire lock/i.test(text)) {
    const who = holders.length > 0 ? [...new Set(holders)].join(', ') : 'another process';
    return new DvcError(
      `${call}: the repository is in use by ${who}. Wait until it is done, or stop it; then run the same again.`,
      'lock held',
    );
  }
  const missing = listAfter(text, /Checkout failed for following targets:\n/);
  if (missing.length > 0) {
    return new DvcError(
      `${call}: ${missing.join(', ')}: neither in DVC's cache nor, whole, on the remote. It was never shipped, or its ` +
        'file on the remote is damaged: "npx ciard pipeline verify" says which.',
      'missing',
      missing,
    );
  }
  const changed = listAfter(text, /Can't remove the following unsaved files without confirmation\.[^\n]*\n/);
  if (changed.length > 0) {
    return new DvcError(
      `${call}: ${changed.join(', ')}: changed since DVC recorded it, and it would be overwritten. Move it away to get the ` +
        'recorded one, or record it as it is (dvc commit).',
      'changed',
      changed,
    );
  }
  const sources = /missing data 'sources?': (.*)/.exec(text)?.[1]?.split(', ');
  const absent =
    sources ?? [...text.matchAll(/(?:output|dependency) '([^']+)' does not exist/gm)].map(([, path]) => path!);
  if (absent.length > 0) {
    return new DvcError(
      `${call}: ${absent.join(', ')} is missing: what makes it has not been run, or it was not pulled ("dvc pull").`,
      'missing',
      absent,
    );
  }
  const stage = /failed to reproduce '([^']+)': failed to run: (.*)/.exec(text);
  if (stage) {
    const [, name, command] = stage;
    return new DvcError(
      `${call}: the stage ${name!} failed (${oneLine(command!)}). What it said stands above; what was done is kept.`,
      'stage failed',
      [name!],
    );
  }
  return new DvcError(`${call}: ${oneLine(text)}`, 'other');
};
