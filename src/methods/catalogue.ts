import { UserError } from '../errors.js';
import { adaad } from './adaad.js';
import { ard } from './ard.js';
import { bMtard } from './b-mtard.js';
import { ciard, ciardCode } from './ciard.js';
import { iad } from './iad.js';
import type { Method } from './method.js';
import { mtard } from './mtard.js';
import { natural } from './natural.js';
import { pgdAt } from './pgd-at.js';
import { rslad } from './rslad.js';
import { trades } from './trades.js';

/** Every method, in the order of the papers' tables. Add a method here; nothing else has to know of it. */
export const methods: readonly Method[] = [
  natural,
  pgdAt,
  trades,
  ard,
  iad,
  rslad,
  adaad,
  mtard,
  bMtard,
  ciard,
  ciardCode,
];

/**
 * The method of that name.
 * @throws UserError where there is none
 */
export const findMethod = (name: string): Method => {
  const method = methods.find((candidate) => candidate.name === name);
  if (method) return method;
  throw new UserError(
    `there is no method "${name}". Known are ${methods.map((known) => known.name).join(', ')}; "ciard methods" describes them.`,
  );
};
