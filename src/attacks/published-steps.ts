import { defaultEpsilon, type Start } from './threat-model.js';

/** The steps of a published attack. */
export interface SignSteps {
  readonly stepSize: number;
  readonly steps: number;
  readonly start: Start;
  readonly clampEachStep: boolean;
}

/** The fast gradient sign method (Goodfellow et al., 2015): one step of size ε from the image. */
export const fgsmSteps = (epsilon: number): SignSteps => ({
  stepSize: epsilon,
  steps: 1,
  start: 'clean',
  clampEachStep: true,
});

/** The paper's PGD_sat: uniform start, 20 steps of ε/4 (2/255 at 8/255). */
export const pgdSatSteps = (epsilon: number): SignSteps => ({
  stepSize: epsilon / 4,
  steps: 20,
  start: 'uniform',
  clampEachStep: true,
});

/** The paper's PGD_trades: the same with steps of .003 at 8/255, in proportion to ε. */
export const pgdTradesSteps = (epsilon: number): SignSteps => ({
  ...pgdSatSteps(epsilon),
  stepSize: (0.003 * epsilon) / defaultEpsilon,
});

/** The paper's CW∞: 30 steps of ε/4 on Carlini & Wagner's loss, from the image, clamped at the end alone. */
export const cwLinfSteps = (epsilon: number): SignSteps => ({
  stepSize: epsilon / 4,
  steps: 30,
  start: 'clean',
  clampEachStep: false,
});

/** The paper's κ of CW∞. */
export const cwConfidence = 50;
