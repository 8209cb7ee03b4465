import { SingleBar } from 'cli-progress';

/** One report of a long task. The same `task` is reported again and again until `done` equals `total`. */
export interface ProgressEvent {
  /** What is being done, as a heading: 'train ciard', 'autoattack apgd-ce'. */
  readonly task: string;
  /** Units done so far, and in all. */
  readonly done: number;
  readonly total: number;
  /** The latest figures: 'epoch 3/12 · loss 1.42'. */
  readonly detail?: string;
}

/** Where long work reports to. Every long function takes one as an option; the default stays silent. */
export type Progress = (event: ProgressEvent) => void;

export const silentProgress: Progress = () => undefined;

/**
 * A progress bar with the time left on a terminal's standard error; a line each tenth of the task where the output is a
 * file or a pipe, so that a log stays readable.
 */
export const terminalProgress = (
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean } = process.stderr,
): Progress => {
  let bar: SingleBar | undefined;
  let task = '';
  let tenth = -1;
  // However the process ends, the terminal gets its cursor back.
  if (stream.isTTY) process.once('exit', () => bar?.stop());
  return (event) => {
    const fresh = event.task !== task || event.done === 0;
    if (!stream.isTTY) {
      if (fresh) tenth = -1;
      task = event.task;
      const now = Math.floor((10 * event.done) / Math.max(event.total, 1));
      if (now <= tenth) return;
      tenth = now;
      stream.write(`${event.task}  ${event.done}/${event.total}${event.detail ? `  ${event.detail}` : ''}\n`);
      return;
    }
    if (fresh || !bar) {
      bar?.stop();
      bar = new SingleBar({
        stream,
        format: '{task} {bar} {value}/{total}  {eta_formatted} left  {detail}',
        barsize: 24,
        hideCursor: true,
        etaBuffer: 50,
      });
      bar.start(event.total, 0, { task: event.task, detail: '' });
      task = event.task;
    }
    bar.update(event.done, { task: event.task, detail: event.detail ?? '' });
    if (event.done >= event.total) {
      bar.stop();
      bar = undefined;
    }
  };
};
