import type { Progress, ProgressEvent } from '../progress.js';
import { type Display, display, mime, type MimeBundle } from './display.js';

export interface NotebookProgressOptions {
  /** The least time between two updates, in milliseconds. */
  readonly interval?: number;
  /** The clock, in milliseconds. */
  readonly now?: () => number;
}

const width = 30;

const duration = (milliseconds: number): string => {
  const seconds = Math.round(milliseconds / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  return seconds < 3600 ? parts.join(':') : [Math.floor(seconds / 3600), ...parts].join(':');
};

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** A bar as text, and as the element that browsers have for it. */
const barOf = ({ task, done, total, detail = '' }: ProgressEvent, elapsed: number): MimeBundle => {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const filled = Math.round(share * width);
  const time =
    share >= 1 ? `in ${duration(elapsed)}` : done > 0 ? `${duration((elapsed * (1 - share)) / share)} left` : '';
  const figures = [`${done}/${total}`, time, detail].filter((part) => part !== '').join('  ');
  return {
    'text/plain': `${task}  ${'█'.repeat(filled)}${'░'.repeat(width - filled)}  ${figures}`,
    'text/html': `<code>${escaped(task)} <progress value="${share}" max="1"></progress> ${escaped(figures)}</code>`,
  };
};

/**
 * Progress as one line below the cell that is updated in place: a bar, the units done, the time left, the latest figures.
 * Each task gets a line of its own, and keeps it.
 */
export const notebookProgress = ({ interval = 150, now = Date.now }: NotebookProgressOptions = {}): Progress => {
  interface Line {
    readonly place: Display;
    readonly start: number;
    shown: number;
    last: ProgressEvent;
  }
  const lines = new Map<string, Line>();
  const shown = (event: ProgressEvent, elapsed: number) => mime(barOf(event, elapsed));
  return (event) => {
    const time = now();
    const line = lines.get(event.task);
    // The same task once more, after it was done or from its start again, is another line.
    if (!line || line.last.done >= line.last.total || event.done < line.last.done) {
      const place = display(shown(event, 0));
      lines.set(event.task, { place, start: time, shown: time, last: event });
      return;
    }
    line.last = event;
    if (event.done < event.total && time - line.shown < interval) return;
    line.shown = time;
    line.place.update(shown(event, time - line.start));
  };
};
