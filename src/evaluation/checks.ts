import type { Target } from '../attacks/attack.js';
import { percent } from '../percent.js';

/** How often the same images are classified to see whether the outputs are random. */
const repetitions = 5;

/** The largest distance of two outputs of unit length that still counts as rounding. */
const randomTolerance = 1e-4;

const probabilityTolerance = 1e-5;

/** Square's gain in accuracy from which the gradient attacks are in doubt. */
const squareGain = 0.002;

const unitRows = (logits: Float32Array, classes: number): Float32Array => {
  const rows = logits.slice();
  for (let at = 0; at < rows.length; at += classes) {
    const row = rows.subarray(at, at + classes);
    const norm = Math.hypot(...row) + 1e-10;
    row.forEach((value, i) => {
      row[i] = value / norm;
    });
  }
  return rows;
};

const largestDistance = (a: Float32Array, b: Float32Array, classes: number): number => {
  let largest = 0;
  for (let at = 0; at < a.length; at += classes) {
    let square = 0;
    for (let i = at; i < at + classes; i++) square += (a[i]! - b[i]!) ** 2;
    largest = Math.max(largest, Math.sqrt(square));
  }
  return largest;
};

/**
 * What makes the outcome of AutoAttack doubtful, as far as the outputs show it: randomness, and probabilities in the
 * place of logits.
 * @param logits the outputs of a batch, [B, C] as one array; asked for repeatedly
 */
export const checkOutputs = (
  logits: () => Float32Array,
  { classes }: Pick<Target, 'classes'>,
  expectsRandomness: boolean,
): string[] => {
  const outputs = Array.from({ length: expectsRandomness ? 1 : repetitions }, logits);
  const warnings: string[] = [];
  const rows = outputs.map((output) => unitRows(output, classes));
  const random = rows.some((a, i) => rows.some((b, j) => j > i && largestDistance(a, b, classes) > randomTolerance));
  if (random) {
    warnings.push(
      "the network's outputs differ from call to call: it seems to be random, and AutoAttack's standard version may " +
        'overestimate its robustness. Use autoattack-rand.',
    );
  }
  const values = outputs[0]!;
  const isProbability =
    values.every((value) => value > -probabilityTolerance && value < 1 + probabilityTolerance) &&
    Array.from({ length: values.length / classes }, (_, row) =>
      values.subarray(row * classes, (row + 1) * classes).reduce((sum, value) => sum + value, 0),
    ).every((sum) => Math.abs(sum - 1) < probabilityTolerance);
  if (isProbability) {
    warnings.push(
      "the network's outputs look like probabilities. The attacks need logits: leave the softmax out, or the robust " +
        'accuracy is an overestimate.',
    );
  }
  return warnings;
};

/** Whether Square, which sees no gradient, found what the attacks by gradients did not: their gradients are in doubt. */
export const checkSquareGain = (
  accuracies: readonly { readonly name: string; readonly accuracy: number }[],
): string[] => {
  const square = accuracies.find(({ name }) => name === 'square');
  const others = accuracies.filter(({ name }) => name !== 'square');
  if (!square || others.length < 2) return [];
  const gain = Math.min(...others.map(({ accuracy }) => accuracy)) - square.accuracy;
  if (gain <= squareGain) return [];
  return [
    `Square lowered the robust accuracy by ${percent(gain)} points, without any gradient. The gradients may be ` +
      'masked, and the robust accuracy an overestimate: try more queries and restarts, or an attack made for the network.',
  ];
};
