import * as tf from '@tensorflow/tfjs-core';
import { startNoise } from '../attacks/threat-model.js';
import type { Batch } from '../data/batches.js';
import type { Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Rng } from '../random.js';
import { prefixPhase } from './step-functions.js';
import type { TrainingProgram } from './training-program.js';

export interface StepOptions {
  readonly method: Method;
  readonly recipe: Recipe;
  readonly phase: string;
  readonly batch: Pick<Batch, 'images' | 'labels' | 'size'>;
  /** Of the attack's start. */
  readonly rng: Rng;
}

/** The attack's start is drawn on the host; there is none where nothing is attacked. */
const noiseOf = ({ method, recipe, batch, rng }: StepOptions): Float32Array | undefined => {
  const { start, epsilon } = recipe.attack;
  return method.ascend && start !== 'clean' ? startNoise(start, batch.images.length, epsilon, rng) : undefined;
};

/** One whole step of training: the batch let in, attacked, learnt from. Returns the loss's terms. */
export const trainingStep = (program: TrainingProgram, options: StepOptions): Record<string, number> => {
  const { method, recipe, phase, batch } = options;
  const side = Math.sqrt(batch.images.length / batch.size / 3);
  const shape: [number, number, number, number] = [batch.size, side, side, 3];
  tf.tidy(() => {
    const given = { x: tf.tensor4d(batch.images, shape), labels: tf.tensor1d(batch.labels, 'int32') };
    if (phase === prefixPhase) {
      program.hold(given);
      return;
    }
    const noise = noiseOf(options);
    program.begin(noise ? { ...given, noise: tf.tensor4d(noise, shape) } : given);
  });
  if (phase !== prefixPhase && method.ascend) for (let i = 0; i < recipe.attack.steps; i++) program.ascend();
  return program.step(phase);
};
