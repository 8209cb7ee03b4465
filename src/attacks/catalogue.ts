import { UserError } from '../errors.js';
import type { Attack } from './attack.js';
import { cwLinf, fgsm, pgdSat, pgdTrades } from './pgd.js';
import { defaultEpsilon } from './threat-model.js';

/** What an attack is called on the command line, and how it is made for a radius. */
export interface AttackEntry {
  readonly title: string;
  readonly create: (epsilon: number) => Attack;
}

/** Add an attack here; nothing else has to know of it. */
export const attacks: Readonly<Record<string, AttackEntry>> = {
  fgsm: { title: 'FGSM', create: fgsm },
  'pgd-sat': { title: 'PGD, 20 steps of ε/4 from a uniform start', create: pgdSat },
  'pgd-trades': { title: 'PGD, 20 steps of .003 at 8/255 from a uniform start', create: pgdTrades },
  'bb-pgd-trades': {
    title: 'pgd-trades, made on the surrogate',
    create: (epsilon) => ({ ...pgdTrades(epsilon), name: 'bb-pgd-trades', transfers: true }),
  },
  'bb-cw': {
    title: 'cw, made on the surrogate',
    create: (epsilon) => ({ ...cwLinf(epsilon), name: 'bb-cw', transfers: true }),
  },
  cw: { title: 'Carlini & Wagner’s loss, 30 steps of ε/4', create: cwLinf },
};

export const attackNames = Object.keys(attacks);

/**
 * The attack of that name.
 * @param epsilon radius of the L∞ ball in image units
 * @throws UserError where there is no such attack
 */
export const createAttack = (name: string, epsilon = defaultEpsilon): Attack => {
  const entry = Object.hasOwn(attacks, name) ? attacks[name] : undefined;
  if (!entry) throw new UserError(`there is no attack "${name}". Known are clean, ${attackNames.join(', ')}.`);
  return entry.create(epsilon);
};
