import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { addon } from './addon.mjs';
import { endCommands, watchCommands } from './command.mjs';
import { compilerSnapshot } from './compiler-snapshot.mjs';
import { chooseDevice } from './device.mjs';
import { dvc } from './dvc.mjs';
import { holdAlone } from './exclusion.mjs';
import { notebookKernel } from './kernelspec.mjs';
import { nodePackages } from './node-packages.mjs';
import { findTools } from './prerequisites.mjs';
import { progressLines } from './progress-lines.mjs';
import { pythonPackages } from './python-packages.mjs';
import { isThere, makeSteps } from './step.mjs';
import { tensorflow } from './tensorflow.mjs';
import { uv } from './uv.mjs';

/**
 * Everything that set-up makes, each after what it needs.
 * @param {import('./places.mjs').Places} places
 * @param {import('./device.mjs').Device} device
 * @param {() => import('./prerequisites.mjs').Tools} tools
 * @returns {import('./step.mjs').Step[]}
 */
const stepsOf = (places, device, tools) => [
  uv(places, tools),
  nodePackages(places, tools),
  tensorflow(places, device),
  pythonPackages(places, tools),
  notebookKernel(places),
  compilerSnapshot(places),
  dvc(places),
  addon(places, device, tools),
];

const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

/**
 * Sets this checkout up: makes what is not there yet.
 * @param {{ places: import('./places.mjs').Places, device?: import('./device.mjs').DeviceRequest, force?: boolean }} options
 * @returns {Promise<void>}
 * @throws {import('./failure.mjs').SetupError}
 */
export const setUp = async ({ places, device: request, force = false }) => {
  const device = chooseDevice(places, request);
  /** @type {import('./prerequisites.mjs').Tools | undefined} */
  let found;
  const tools = () => (found ??= findTools({ root: places.root, device, fresh: !existsSync(places.tensorflow) }));
  const steps = stepsOf(places, device, tools);
  if (!force && steps.every(isThere)) return;

  const progress = progressLines();
  const lock = await holdAlone(join(places.home, 'lock'), {
    onWait: (pid) => {
      progress.line(`Another set-up of this checkout is running (process ${String(pid)}); waiting for it.`);
    },
  });
  watchCommands(lock.commands);
  const interruption = new AbortController();
  const leave = (/** @type {NodeJS.Signals} */ signal) => {
    interruption.abort();
    progress.stop();
    void endCommands().then(() => {
      lock.release();
      process.stderr.write('Set-up was interrupted; start it again and it goes on.\n');
      process.exit(128 + signalNumbers[/** @type {keyof typeof signalNumbers} */ (signal)]);
    });
  };
  const signals = /** @type {NodeJS.Signals[]} */ (Object.keys(signalNumbers));
  for (const signal of signals) process.on(signal, leave);
  const began = performance.now();
  try {
    if (force || !steps.every(isThere)) {
      // All that is missing is said at once, before anything is fetched.
      tools();
      progress.line(`Setting up ciard for the ${device.toUpperCase()}:`);
      await makeSteps(steps, { onStart: progress.start, onEnd: progress.end, force });
      progress.line(`Set up in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
    }
  } catch (error) {
    // The commands failed because they were ended; who ended them says so and ends this process.
    if (interruption.signal.aborted) await new Promise(() => undefined);
    throw error;
  } finally {
    progress.stop();
    await endCommands();
    lock.release();
    for (const signal of signals) process.off(signal, leave);
  }
};
