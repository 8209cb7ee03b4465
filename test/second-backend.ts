import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '../src/engine/backend.js';

// In Node the backend advises to install another one.
tf.env().set('PROD', true);

/** What `compute` makes on tfjs' own backend, in plain JavaScript: the ways that a browser's backends take too. */
export const onSecondBackend = async <R>(compute: () => R | Promise<R>): Promise<R> => {
  await tf.setBackend('cpu');
  try {
    return await compute();
  } finally {
    await tf.setBackend('tensorflow');
  }
};
