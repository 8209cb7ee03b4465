import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { answerOf } from './command.mjs';
import { readIfThere, writeAtomically } from './step.mjs';

/** @typedef {'cpu' | 'gpu'} Device */
/** @typedef {Device | 'auto'} DeviceRequest */

/**
 * The NVIDIA GPUs that the driver names, one line each; empty where there is no driver or it does not answer.
 * @returns {string[]}
 */
export const nvidiaGpus = () =>
  (answerOf('nvidia-smi', ['-L']) ?? '').split('\n').filter((line) => line.startsWith('GPU '));

/**
 * For which device TensorFlow is to be installed. What a user once asked for holds until they ask for something else.
 * @param {import('./places.mjs').Places} places
 * @param {DeviceRequest | undefined} request `--device`
 * @returns {Device}
 */
export const chooseDevice = (places, request) => {
  const memory = join(places.home, 'device');
  if (request === 'cpu' || request === 'gpu') {
    writeAtomically(memory, `${request}\n`);
    return request;
  }
  if (request === 'auto') rmSync(memory, { force: true });
  const remembered = readIfThere(memory)?.trim();
  if (remembered === 'cpu' || remembered === 'gpu') return remembered;
  return nvidiaGpus().length > 0 ? 'gpu' : 'cpu';
};
