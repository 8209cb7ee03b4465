// eslint-disable-next-line @typescript-eslint/unbound-method -- it looks at no `this`
const { captureStackTrace } = Error;
const NativeError = Error;
const named = /^ciard-cell-(\d+)$/;
const exec = RegExp.prototype.exec.bind(named);

/** Looked at are so many frames, awaiting functions among them. */
const depth = 50;

/**
 * The cell whose doing is what runs now, by the frames that have led here: the latest of them, as cells call what earlier
 * ones defined. (Node 20 and 22 can carry a number along every callback, by async_hooks, with which a cell that is stopped
 * takes the process along.)
 */
export const cellOnStack = (): number | undefined => {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back as it was
  const { prepareStackTrace, stackTraceLimit } = NativeError;
  try {
    let found: number | undefined;
    NativeError.stackTraceLimit = depth;
    NativeError.prepareStackTrace = (_, sites) => {
      for (let at = 0; at < sites.length; at++) {
        const name = sites[at]!.getScriptNameOrSourceURL();
        const serial = name === null ? undefined : exec(name)?.[1];
        if (serial !== undefined && (found === undefined || Number(serial) > found)) found = Number(serial);
      }
    };
    const target: { stack?: unknown } = {};
    captureStackTrace(target, cellOnStack);
    // Reading it calls the function above.
    return target.stack === undefined ? found : undefined;
  } finally {
    NativeError.stackTraceLimit = stackTraceLimit;
    NativeError.prepareStackTrace = prepareStackTrace;
  }
};
