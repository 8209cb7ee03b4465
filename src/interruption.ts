import { InterruptedError } from './errors.js';

/**
 * The signal that long work listens to where its caller names none. A host that can be interrupted (the command line, the
 * notebook kernel) puts its own in place; without a host nothing ever aborts.
 */
let current: AbortSignal = new AbortController().signal;

/** The signal that training, attacks and evaluation take by default. */
export const interruptSignal = (): AbortSignal => current;

/** Makes `signal` the default one. Called by the command line at its start and by the kernel before each cell. */
export const setInterruptSignal = (signal: AbortSignal): void => {
  current = signal;
};

/**
 * Gives the event loop a turn, so that a signal that arrived meanwhile is seen, then throws if `signal` is aborted.
 * TensorFlow's calls block the loop: long work must come by here between two of them.
 * @throws InterruptedError
 */
export const checkpointInterrupt = async (signal: AbortSignal = current): Promise<void> => {
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (signal.aborted) throw new InterruptedError('interrupted');
};
