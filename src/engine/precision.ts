import { UserError } from '../errors.js';

/**
 * What functions of a program compute in. `bf16`: mixed precision, as of PyTorch's autocast: the factors of convolutions and
 * matrix products, and what lies between them, are bfloat16, all else is float32 (`mixed-precision.ts`).
 */
export const precisions = ['float32', 'bf16'] as const;
export type Precision = (typeof precisions)[number];

let atWork: Precision = 'float32';

/** The precision of the function that is being recorded: which kernel is quickest depends on it. */
export const precisionAtWork = (): Precision => atWork;

export const withPrecision = <T>(precision: Precision, run: () => T): T => {
  const before = atWork;
  atWork = precision;
  try {
    return run();
  } finally {
    atWork = before;
  }
};

/** Read by oneDNN before its first operation, for the whole process: its mode of float32 arithmetic. */
const variable = 'ONEDNN_DEFAULT_FPMATH_MODE';

/**
 * @param what that computes: 'a training', 'an evaluation'
 * @throws UserError where the environment lets oneDNN compute in less than float32 what is to be float32
 */
export const checkFloat32 = (what: string): void => {
  const mode = process.env[variable] ?? '';
  if (['', 'STRICT'].includes(mode.toUpperCase())) return;
  throw new UserError(
    `${what} is to compute in float32, but this process has ${variable}=${mode}, which lets oneDNN round factors: leave ` +
      'that out of the environment ("ciard train --precision bf16" needs no such thing).',
  );
};
