import type { Rng } from '../../src/random.js';

/** A linear classifier: the score of class k is `weights[k] · x + biases[k]`. */
export interface LinearProbe {
  readonly weights: readonly Float64Array[];
  readonly biases: Float64Array;
}

const score = (w: Float64Array, bias: number, x: ArrayLike<number>): number => {
  let sum = bias;
  for (let i = 0; i < w.length; i++) sum += w[i]! * x[i]!;
  return sum;
};

/**
 * Accuracy of a linear classifier, and the part of it that no perturbation within `epsilon` (L∞) can take: an image of
 * class y stays with y against class k exactly if the margin exceeds ε ‖w_k − w_y‖₁, which the worst perturbation
 * ε sign(w_k − w_y) attains.
 */
export const probeAccuracy = (
  { weights, biases }: LinearProbe,
  images: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  epsilon: number,
): { clean: number; robust: number } => {
  const distance = weights.map((a) => weights.map((b) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]!), 0)));
  let clean = 0;
  let robust = 0;
  images.forEach((x, n) => {
    const y = labels[n]!;
    const scores = weights.map((w, k) => score(w, biases[k]!, x));
    const margins = scores.map((s, k) => (k === y ? Infinity : scores[y]! - s));
    if (margins.every((margin) => margin > 0)) clean++;
    if (margins.every((margin, k) => margin > epsilon * distance[k]![y]!)) robust++;
  });
  return { clean: clean / images.length, robust: robust / images.length };
};

/**
 * Softmax regression trained against the worst perturbation within `epsilon`, whose effect on a linear classifier is
 * known exactly: class k gains ε ‖w_k − w_y‖₁ on the right class y.
 */
export const trainRobustProbe = (
  images: readonly Float64Array[],
  labels: ArrayLike<number>,
  classes: number,
  {
    epsilon,
    epochs,
    rate,
    batch = 50,
    rng,
  }: { epsilon: number; epochs: number; rate: number; batch?: number; rng: Rng },
): LinearProbe => {
  const features = images[0]!.length;
  const weights = Array.from({ length: classes }, () => new Float64Array(features));
  const biases = new Float64Array(classes);
  const steps = epochs * Math.floor(images.length / batch);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = rng.permutation(images.length);
    for (let from = 0; from + batch <= images.length; from += batch) {
      const now = (rate * (1 - step++ / steps)) / batch;
      const gradient = weights.map(() => new Float64Array(features));
      const biasGradient = new Float64Array(classes);
      for (const n of order.subarray(from, from + batch)) {
        const x = images[n]!;
        const y = labels[n]!;
        const own = weights[y]!;
        const logits = weights.map((w, k) => {
          let sum = biases[k]!;
          for (let i = 0; i < features; i++) sum += w[i]! * x[i]! + epsilon * Math.abs(w[i]! - own[i]!);
          return sum;
        });
        const most = Math.max(...logits);
        const exponentials = logits.map((logit) => Math.exp(logit - most));
        const total = exponentials.reduce((a, b) => a + b);
        for (let k = 0; k < classes; k++) {
          const g = exponentials[k]! / total - (k === y ? 1 : 0);
          biasGradient[k]! += g;
          const w = weights[k]!;
          for (let i = 0; i < features; i++) {
            const pull = epsilon * Math.sign(w[i]! - own[i]!);
            gradient[k]![i]! += g * (x[i]! + pull);
            gradient[y]![i]! -= g * pull;
          }
        }
      }
      weights.forEach((w, k) => {
        biases[k]! -= now * biasGradient[k]!;
        for (let i = 0; i < features; i++) w[i]! -= now * gradient[k]![i]!;
      });
    }
  }
  return { weights, biases };
};
