import { UserError } from '../errors.js';
import { apgdCe, apgdDlr, apgdTargeted } from './apgd.js';
import type { Attack } from './attack.js';
import { autoAttack, type AttackSequence } from './auto-attack.js';
import { fab, fabTargeted } from './fab.js';
import { cwLinf, fgsm, pgdSat, pgdTrades } from './pgd.js';
import { square } from './square.js';
import { defaultEpsilon } from './threat-model.js';

/** What an attack is called on the command line, and how it is made for a radius. */
interface AttackEntry {
  readonly names: string;
  readonly title: string;
  readonly pattern: RegExp;
  readonly create: (epsilon: number, parts: readonly string[]) => Attack | AttackSequence;
}

const named = (name: string, title: string, create: (epsilon: number) => Attack | AttackSequence): AttackEntry => ({
  names: name,
  title,
  pattern: new RegExp(`^${name}$`),
  create,
});

/** Made on the surrogate, tried on the network that is evaluated. */
const transferred = (attack: Attack): Attack => ({ ...attack, name: `bb-${attack.name}`, transfers: true });

/** Add an attack here; nothing else has to know of it. */
export const attackEntries: readonly AttackEntry[] = [
  named('fgsm', 'one step of ε by the sign of the gradient', fgsm),
  named('pgd-sat', '20 steps of ε/4 from a uniform start', pgdSat),
  named('pgd-trades', '20 steps of .003 (at 8/255) from a uniform start', pgdTrades),
  named('cw', '30 steps of ε/4 on the loss of Carlini & Wagner', cwLinf),
  named('bb-pgd-trades', 'pgd-trades made on --surrogate', (epsilon) => transferred(pgdTrades(epsilon))),
  named('bb-cw', 'cw made on --surrogate', (epsilon) => transferred(cwLinf(epsilon))),
  named('apgd-ce', 'Auto-PGD on cross-entropy', (epsilon) => apgdCe({ epsilon })),
  named('apgd-dlr', 'Auto-PGD on the DLR loss', (epsilon) => apgdDlr({ epsilon })),
  named('apgd-t', 'Auto-PGD on the targeted DLR loss, 9 classes', (epsilon) => apgdTargeted({ epsilon })),
  named('fab', 'fast adaptive boundary attack', (epsilon) => fab({ epsilon })),
  named('fab-t', 'the same towards 9 classes', (epsilon) => fabTargeted({ epsilon })),
  named('square', 'Square, 5000 queries', (epsilon) => square({ epsilon })),
  {
    names: 'square-<queries>',
    title: 'Square with so many queries: square-100',
    pattern: /^square-([1-9]\d{0,6})$/,
    create: (epsilon, [queries]) => square({ name: `square-${queries!}`, epsilon, queries: Number(queries) }),
  },
  named('autoattack', 'apgd-ce, apgd-t, fab-t, square', (epsilon) => autoAttack({ epsilon })),
  named('autoattack-plus', 'with more stages and restarts', (epsilon) => autoAttack({ version: 'plus', epsilon })),
  named('autoattack-rand', 'for a network whose output is random', (epsilon) =>
    autoAttack({ version: 'rand', epsilon }),
  ),
  {
    names: 'autoattack-custom:<stage>+<stage>…',
    title: 'stages of your choice: autoattack-custom:apgd-ce+square',
    pattern: /^autoattack-custom:([a-z+-]+)$/,
    create: (epsilon, [stages]) => autoAttack({ version: 'custom', epsilon, stages: stages!.split('+') }),
  },
];

/**
 * The attack of that name.
 * @param epsilon radius of the L∞ ball in image units
 * @throws UserError where there is no such attack
 */
export const createAttack = (name: string, epsilon = defaultEpsilon): Attack | AttackSequence => {
  for (const { pattern, create } of attackEntries) {
    const match = pattern.exec(name);
    if (match) return create(epsilon, match.slice(1));
  }
  throw new UserError(
    `there is no attack "${name}". Known are clean, ${attackEntries.map(({ names }) => names).join(', ')}.`,
  );
};
