import { UserError } from '../errors.js';
import { apgdCe, apgdDlr, apgdRevision, apgdTargeted } from './apgd.js';
import type { Attack } from './attack.js';
import { fab, fabRevision, fabTargeted } from './fab.js';
import { square, squareRevision } from './square.js';
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
  /** Classes that the targeted stages aim at. Default 9, the published setting. */
  readonly targets?: number;
}

interface StageSettings {
  readonly epsilon: number;
  readonly iterations: number;
  readonly queries: number;
  readonly targets: number;
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

interface VersionSettings {
  readonly stages: readonly string[];
  readonly restarts: number;
  readonly evaluations: number;
}

// Restarts are those of APGD and FAB without targets; evaluations, those that a gradient is the mean of.
const versions: Readonly<Record<Exclude<AutoAttackVersion, 'custom'>, VersionSettings>> = {
  standard: { stages: ['apgd-ce', 'apgd-t', 'fab-t', 'square'], restarts: 1, evaluations: 1 },
  plus: {
    stages: ['apgd-ce', 'apgd-dlr', 'fab', 'square', 'apgd-t', 'fab-t'],
    restarts: 5,
    evaluations: 1,
  },
  rand: { stages: ['apgd-ce', 'apgd-dlr'], restarts: 1, evaluations: 20 },
};

/**
 * What a version is made of. `stages` are those of a custom one, each once.
 * @throws UserError where a stage or version is not known
 */
export const versionSettings = (version: AutoAttackVersion, stages?: readonly string[]): VersionSettings => {
  if ((version === 'custom') !== (stages !== undefined)) {
    throw new UserError(
      version === 'custom'
        ? `autoattack: the version is custom, but no stages are given. Known are ${stageNames.join(', ')}.`
        : `autoattack: stages are given, but the version is ${version}, which has its own. Take custom.`,
    );
  }
  const chosen = version === 'custom' ? { ...versions.standard, stages: [...new Set(stages)] } : versions[version];
  const unknown = chosen.stages.find((stage) => !Object.hasOwn(stageMakers, stage));
  if (unknown !== undefined || chosen.stages.length === 0) {
    throw new UserError(`autoattack: there is no stage "${unknown ?? ''}". Known are ${stageNames.join(', ')}.`);
  }
  return chosen;
};

const stageRevisions: Readonly<Record<string, number>> = {
  'apgd-ce': apgdRevision,
  'apgd-dlr': apgdRevision,
  'apgd-t': apgdRevision,
  fab: fabRevision,
  'fab-t': fabRevision,
  square: squareRevision,
};

/** Of how stages follow one another; raised when the results change. */
const ownRevision = 1;

/** The revision of AutoAttack of these stages: it is raised by each that is raised. */
export const autoAttackRevision = (stages: readonly string[]): number =>
  stages.reduce((sum, stage) => sum + (stageRevisions[stage] ?? 1) - 1, ownRevision);

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
  targets = 9,
}: AutoAttackOptions = {}): AttackSequence => {
  const { stages: chosen, restarts, evaluations } = versionSettings(version, stages);
  return {
    name: nameOf(version, chosen),
    epsilon,
    stages: chosen.map((stage) =>
      stageMakers[stage]!({ epsilon, iterations, queries, targets, restarts, evaluations }),
    ),
    settings: { version, iterations, queries, targets, revision: autoAttackRevision(chosen) },
    expectsRandomness: version === 'rand',
  };
};
