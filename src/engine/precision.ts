import { UserError } from '../errors.js';

/** bf16: oneDNN may round the factors of its products to 8 bits of mantissa; sums stay float32, and so does all else. */
export const precisions = ['float32', 'bf16'] as const;
export type Precision = (typeof precisions)[number];

/** Read by oneDNN before its first operation, for the whole process: its mode of float32 arithmetic. */
const variable = 'ONEDNN_DEFAULT_FPMATH_MODE';

/** What the environment of a process has to hold so that it computes in this precision. */
export const precisionEnvironment = (precision: Precision): Record<string, string> => ({
  [variable]: precision === 'bf16' ? 'BF16' : 'STRICT',
});

/** Makes this process compute in `precision`. To be called before TensorFlow loads: afterwards it has no effect. */
export const setPrecision = (precision: Precision): void => {
  Object.assign(process.env, precisionEnvironment(precision));
};

/** How this process computes. oneDNN knows more modes; what is less than float32 and not ours is not taken for it. */
export const processPrecision = (): Precision | 'other' => {
  const mode = (process.env[variable] ?? '').toUpperCase();
  return mode === '' || mode === 'STRICT' ? 'float32' : mode === 'BF16' ? 'bf16' : 'other';
};

/**
 * @param what that computes: 'this training', 'an evaluation'
 * @throws UserError where this process computes in another precision than is wanted
 */
export const checkPrecision = (what: string, wanted: Precision): void => {
  if (processPrecision() === wanted) return;
  throw new UserError(
    `${what} is to compute in ${wanted}, but this process has ${variable}=${process.env[variable] ?? ''}: ` +
      (wanted === 'float32'
        ? 'leave that out of the environment (a training in bf16 runs in a process of its own).'
        : `start Node with ${variable}=BF16 (the command line does so: "ciard train --precision bf16").`),
  );
};
