import process from 'node:process';

/**
 * Who reads the output may stop: `ciard cell list | head -3`. What is said from then on is said to nobody, without an
 * error; work goes on to its end, and the exit code tells how that was. An output that can't be written for another
 * reason, a full disk for one, is one clear error, and exit code 1.
 */
export const allowClosedPipes = () => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'EPIPE') return;
      process.exitCode = 1;
      // Of standard error nothing can be said.
      if (stream === process.stdout) process.stderr.write(`standard output can't be written: ${error.message}\n`);
    });
  }
};
