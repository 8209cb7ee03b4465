import { createRequire } from 'node:module';
import nodeUtil from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { messageOf, UserError } from '../errors.js';
import type { TensorFlowBackend } from './kernels.js';

/**
 * Loads TensorFlow and makes it the backend of tfjs. The import of this file is all that a Node program needs to do; what
 * is to run in a browser imports the networks without it.
 */

// Read by TensorFlow when its libraries load. On a processor without AVX512-VNNI oneDNN is off by default, and the input
// gradient of a convolution takes twice as long.
process.env['TF_ENABLE_ONEDNN_OPTS'] ??= '1';
process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';

// tfjs-node calls helpers of node:util that Node 23 removed, and Node 22 deprecates. Ours are put in their place before it
// loads: the removed ones come back, the deprecated ones stop printing.
const helpers: Record<string, (value: unknown) => boolean> = {
  isArray: (value) => Array.isArray(value),
  isNullOrUndefined: (value) => value === null || value === undefined,
  isString: (value) => typeof value === 'string',
  isNumber: (value) => typeof value === 'number',
  isBoolean: (value) => typeof value === 'boolean',
  isFunction: (value) => typeof value === 'function',
  isObject: (value) => value !== null && typeof value === 'object',
  isUndefined: (value) => value === undefined,
  isNull: (value) => value === null,
};
for (const [name, helper] of Object.entries(helpers)) {
  Object.defineProperty(nodeUtil, name, { value: helper, configurable: true, writable: true, enumerable: true });
}

try {
  createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu');
} catch (error) {
  throw new UserError(
    `TensorFlow does not load: ${messageOf(error)}\nRun "npm run setup" in the project's folder; it builds the addon that is missing.`,
  );
}
void tf.setBackend('tensorflow');

/** TensorFlow as the backend of tfjs, with its binding. */
export const tensorflow = (): TensorFlowBackend => tf.backend() as unknown as TensorFlowBackend;
