// Runs several command lines of ciard one after another, each as if it were alone, and prints what each did. Mistakes in
// flags are told in a moment, but only after TensorFlow has loaded; here it loads once.
import process from 'node:process';
import { register } from 'tsx/esm/api';

register();
/** @typedef {typeof process.stdout.write} Write */
const write = {
  stdout: /** @type {Write} */ (process.stdout.write.bind(process.stdout)),
  stderr: /** @type {Write} */ (process.stderr.write.bind(process.stderr)),
};
/** @type {unknown} */
const given = JSON.parse(process.argv[2] ?? '[]');
const commands = /** @type {string[][]} */ (given);
const [node = '', script = ''] = process.argv;
process.setMaxListeners(0);

/** @type {{ stdout: string, stderr: string, exitCode: number }[]} */
const results = [];
/** A command that ends well sets none. */
const exitCode = () => /** @type {number | undefined} */ (process.exitCode) ?? 0;
for (const [number, command] of commands.entries()) {
  const said = { stdout: '', stderr: '' };
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    process[stream].write = (/** @type {string | Uint8Array} */ text) => {
      said[stream] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    };
  }
  process.argv = [node, script, ...command];
  process.exitCode = undefined;
  // A module of its own each time: it does its work when it is loaded.
  await import(`../../src/cli/main.js?command=${String(number)}`);
  results.push({ ...said, exitCode: exitCode() });
}
process.stdout.write = write.stdout;
process.stderr.write = write.stderr;
process.exitCode = 0;
process.stdout.write(JSON.stringify(results));
