import { InterruptedError } from '../errors.js';
import { setInterruptSignal } from '../interruption.js';

export interface CellInterruption {
  /** A fresh signal for a cell that starts, and what ends it if it does not heed the signal. */
  readonly begin: (abandon: (error: Error) => void) => void;
  readonly end: () => void;
  /** Asks the running cell to stop. */
  readonly interrupt: () => void;
}

/** What a cell that listens to its signal gets to save its state and end by itself, in turns of the event loop. */
const turns = 12;
const turn = 100;

/**
 * An interrupt aborts the running cell's signal. Work that listens ends with its own InterruptedError, its state saved;
 * a cell that does not end within `turns` is abandoned. The turns are counted by the event loop itself, so a step of
 * TensorFlow that holds the thread does not use them up. A second interrupt abandons at once.
 */
export const createCellInterruption = (): CellInterruption => {
  let controller = new AbortController();
  let abandon: ((error: Error) => void) | undefined;
  const giveUp = (): void => {
    abandon?.(new InterruptedError('interrupted; what the cell had begun was left to itself'));
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    begin(abandonCell) {
      controller = new AbortController();
      abandon = abandonCell;
      setInterruptSignal(controller.signal);
    },
    end() {
      abandon = undefined;
      clearInterval(timer);
      timer = undefined;
    },
    interrupt() {
      if (!abandon) return;
      if (controller.signal.aborted) {
        giveUp();
        return;
      }
      controller.abort(new InterruptedError('interrupted'));
      let left = turns;
      timer = setInterval(() => {
        left -= 1;
        if (left === 0) giveUp();
      }, turn);
    },
  };
};
