import type { InnerMaximisation, Recipe } from './recipe.js';

/** The recipe that most of the papers share; each method states what it has otherwise. */
export const commonRecipe = {
  batchSize: 128,
  teacherOptimiser: null,
  augment: true,
  dropLast: false,
  averaging: null,
  labelSmoothing: 0,
  naturalPrefix: 0,
  precision: 'float32',
  validation: { images: 1000, steps: 10, every: 1, robustWeight: 0.5 },
} as const satisfies Partial<Recipe>;

/** PGD-10 with steps of 2/255 in the ball of 8/255, from .001 · N(0, 1), the student in evaluation mode. */
export const gaussianPgd10: InnerMaximisation = {
  start: 'gaussian',
  steps: 10,
  stepSize: 2 / 255,
  epsilon: 8 / 255,
  mode: 'evaluation',
};

/** The same from a uniform start with the student in training mode, as the PGD-AT line of code attacks. */
export const uniformPgd10: InnerMaximisation = { ...gaussianPgd10, start: 'uniform', mode: 'training' };
