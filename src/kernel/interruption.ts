import { InterruptedError } from '../errors.js';
import { setInterruptSignal } from '../interruption.js';

export interface CellInterruption {
  /**
   * A fresh signal for a cell that starts, what ends the cell if it does not heed the signal, and whom to tell once the cell
   * looks at the signal.
   */
  readonly begin: (abandon: (error: Error) => void, onListening: () => void) => void;
  readonly end: () => void;
  /** Asks the running cell to stop. */
  readonly interrupt: () => void;
}

/** What a cell that listens to its signal gets to save its state and end by itself, in turns of the event loop. */
const turns = 12;
const turn = 100;
/** Interrupts that follow one another within so many milliseconds are one: a button that was held down. */
const oneAndTheSame = 1000;

/** What cells may replace, as it was at the start. */
const { setInterval, clearInterval, AbortController, AbortSignal, Object } = globalThis;
const now = performance.now.bind(performance);

/** `signal`, which tells once that somebody looks at it. */
const noticing = (signal: AbortSignal, onListening: () => void): AbortSignal => {
  let told = false;
  const tell = (): void => {
    if (!told) onListening();
    told = true;
  };
  const prototype = AbortSignal.prototype;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the signal
  const aborted = Object.getOwnPropertyDescriptor(prototype, 'aborted')!.get!;
  const listen = signal.addEventListener.bind(signal);
  return Object.defineProperties(signal, {
    aborted: {
      configurable: true,
      get() {
        tell();
        return aborted.call(signal) as boolean;
      },
    },
    addEventListener: {
      configurable: true,
      value: (...given: Parameters<typeof listen>) => {
        tell();
        listen(...given);
      },
    },
  });
};

/**
 * An interrupt aborts the running cell's signal. Work that listens ends with its own InterruptedError, its state saved;
 * a cell that does not end within `turns` is abandoned. The turns are counted by the event loop itself, so a step of
 * TensorFlow that holds the thread does not use them up. A second interrupt abandons at once.
 */
export const createCellInterruption = (): CellInterruption => {
  let controller = new AbortController();
  let isAborted = false;
  let last = -Infinity;
  let abandon: ((error: Error) => void) | undefined;
  const giveUp = (): void => {
    abandon?.(new InterruptedError('interrupted; what the cell had begun was left to itself'));
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    begin(abandonCell, onListening) {
      controller = new AbortController();
      isAborted = false;
      abandon = abandonCell;
      setInterruptSignal(noticing(controller.signal, onListening));
    },
    end() {
      abandon = undefined;
      clearInterval(timer);
      timer = undefined;
    },
    interrupt() {
      if (!abandon) return;
      const isAnother = now() - last > oneAndTheSame;
      last = now();
      if (isAborted) {
        if (isAnother) giveUp();
        return;
      }
      isAborted = true;
      controller.abort(new InterruptedError('interrupted'));
      let left = turns;
      timer = setInterval(() => {
        left -= 1;
        if (left === 0) giveUp();
      }, turn);
    },
  };
};
