import process from 'node:process';

/**
 * Progress as one line a step, with its seconds. On a terminal a last line says what is still being made; in a log there
 * are only the lines of what is done.
 * @param {NodeJS.WriteStream} [stream]
 */
export const progressLines = (stream = process.stderr) => {
  /** @type {Map<string, number>} */
  const running = new Map();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const clear = () => {
    if (stream.isTTY) stream.write('\r\u001B[K');
  };
  const paint = () => {
    if (!stream.isTTY || running.size === 0) return;
    const now = performance.now();
    const parts = [...running].map(([name, began]) => `${name} ${((now - began) / 1000).toFixed(0)} s`);
    // A line that is wider than the terminal would not be overwritten. A terminal without a size counts as 80 wide.
    const line = `  … ${parts.join(' · ')}`.slice(0, (stream.columns || 80) - 1);
    stream.write(`\r\u001B[K${line}`);
  };
  const stop = () => {
    clear();
    clearInterval(timer);
    timer = undefined;
  };
  return {
    /** @param {string} text */
    line: (text) => {
      clear();
      stream.write(`${text}\n`);
      paint();
    },
    /** @param {string} name */
    start: (name) => {
      running.set(name, performance.now());
      timer ??= setInterval(paint, 1000);
      paint();
    },
    /** @param {string} name @param {number} seconds */
    end: (name, seconds) => {
      running.delete(name);
      clear();
      stream.write(`  ${name.padEnd(22)} ${seconds.toFixed(1).padStart(6)} s\n`);
      if (running.size === 0) stop();
      else paint();
    },
    stop,
  };
};
