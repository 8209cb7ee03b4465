import { UserError } from '../errors.js';
import { apgdCe, apgdDlr, apgdTargeted } from './apgd.js';
import type { Attack } from './attack.js';
import { fab, fabTargeted } from './fab.js';
import { square } from './square.js';
import { defaultEpsilon } from './threat-model.js';

/** Attacks one after the other, each on what those before it left: an image is robust if it is right after all of them. */
export interface AttackSequence {
  readonly name: string;
  readonly epsilon: number;
  readonly stages: readonly Attack[];
  /** What else decides its outcome: a saved state goes on under the same settings alone. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** Whether the outputs of the network may be random. */
  readonly expectsRandomness: boolean;
}

export type AutoAttackVersion = 'standard' | 'plus' | 'rand' | 'custom';

export interface AutoAttackOptions {
  readonly version?: AutoAttackVersion;
  readonly epsilon?: number;
  /** The stages of a custom version, by name. */
  readonly stages?: readonly string[];
  /** Steps a run of APGD and FAB. Default 100, the published setting. */
  readonly iterations?: number;
  /** Queries of Square. Default 5000, the published setting. */
  readonly queries?: number;
}

interface StageSettings {
  readonly epsilon: number;
  readonly iterations: number;
  readonly queries: number;
  readonly restarts: number;
  readonly evaluations: number;
}

const stageMakers: Readonly<Record<string, (settings: StageSettings) => Attack>> = {
  'apgd-ce': apgdCe,
  'apgd-dlr': apgdDlr,
  'apgd-t': (settings) => apgdTargeted({ ...settings, restarts: 1 }),
  fab,
  'fab-t': (settings) => fabTargeted({ ...settings, restarts: 1 }),
  square: (settings) => square({ ...settings, restarts: 1 }),
};

/** The stages that AutoAttack can be made of. */
export const stageNames = Object.keys(stageMakers);

// Restarts are those of APGD and FAB without targets; evaluations, those that a gradient is the mean of.
const versions: Readonly<
  Record<Exclude<AutoAttackVersion, 'custom'>, { stages: readonly string[]; restarts: number; evaluations: number }>
> = {
  standard: { stages: ['apgd-ce', 'apgd-t', 'fab-t', 'square'], restarts: 1, evaluations: 1 },
  plus: {
    stages: ['apgd-ce', 'apgd-dlr', 'fab', 'square', 'apgd-t', 'fab-t'],
    restarts: 5,
    evaluations: 1,
  },
  rand: { stages: ['apgd-ce', 'apgd-dlr'], restarts: 1, evaluations: 20 },
};

/** What it is called on the command line. */
const nameOf = (version: AutoAttackVersion, stages: readonly string[]): string =>
  version === 'standard'
    ? 'autoattack'
    : version === 'custom'
      ? `autoattack-custom:${stages.join('+')}`
      : `autoattack-${version}`;

/**
 * AutoAttack (Croce & Hein, 2020): `standard` for networks, `plus` with more restarts and stages, `rand` for networks whose
 * output is random, `custom` with stages of one's choice, each as in `standard`.
 * @throws UserError where a stage or version is not known
 */
export const autoAttack = ({
  version = 'standard',
  epsilon = defaultEpsilon,
  stages,
  iterations = 100,
  queries = 5000,
}: AutoAttackOptions = {}): AttackSequence => {
  if ((version === 'custom') !== (stages !== undefined)) {
    throw new UserError(
      version === 'custom'
        ? `autoattack: the version is custom, but no stages are given. Known are ${stageNames.join(', ')}.`
        : `autoattack: stages are given, but the version is ${version}, which has its own. Take custom.`,
    );
  }
  const chosen = version === 'custom' ? { ...versions.standard, stages: stages! } : versions[version];
  const { restarts, evaluations } = chosen;
  const unknown = chosen.stages.find((stage) => !Object.hasOwn(stageMakers, stage));
  if (unknown !== undefined || chosen.stages.length === 0) {
    throw new UserError(`autoattack: there is no stage "${unknown ?? ''}". Known are ${stageNames.join(', ')}.`);
  }
  return {
    name: nameOf(version, chosen.stages),
    epsilon,
    stages: [...new Set(chosen.stages)].map((stage) =>
      stageMakers[stage]!({ epsilon, iterations, queries, restarts, evaluations }),
    ),
    settings: { version, iterations, queries },
    expectsRandomness: version === 'rand',
  };
};
