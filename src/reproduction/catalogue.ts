import { UserError } from '../errors.js';
import { cifar10 } from './cifar10.js';
import type { Plan, Scale } from './plan.js';
import { quick } from './quick.js';

/** The tables that can be reproduced, by name. Add one here. */
export const plans: Readonly<Record<string, (scale: Scale) => Plan>> = { quick: () => quick, cifar10 };

/** @throws UserError where there is no such table */
export const findPlan = (name: string, scale: Scale): Plan => {
  const plan = plans[name];
  if (!plan) throw new UserError(`there is no table "${name}". Known are ${Object.keys(plans).join(', ')}.`);
  return plan(scale);
};
