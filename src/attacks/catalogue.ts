import { z } from 'zod';
import { UserError } from '../errors.js';
import { apgdCe, apgdDlr, apgdRevision, apgdTargeted } from './apgd.js';
import { carliniWagnerLoss, crossEntropyLoss } from './attack-losses.js';
import type { Attack } from './attack.js';
import {
  autoAttack,
  autoAttackRevision,
  versionSettings,
  type AttackSequence,
  type AutoAttackVersion,
} from './auto-attack.js';
import { fab, fabRevision, fabTargeted } from './fab.js';
import { pgd, pgdRevision } from './pgd.js';
import {
  cwConfidence,
  cwLinfSteps,
  fgsmSteps,
  pgdSatSteps,
  pgdTradesSteps,
  type SignSteps,
} from './published-steps.js';
import { square, squareRevision } from './square.js';
import { defaultEpsilon, radiusText, starts } from './threat-model.js';

const parameterSchema = z.union([z.number(), z.string(), z.boolean(), z.array(z.string())]);

/**
 * An attack as plain data: its name and every parameter that decides what it finds. `revision` among them is that of the
 * code: it is raised when results change. Names alone decide the random starts, besides.
 */
export const attackSpecSchema = z.strictObject({ name: z.string(), parameters: z.record(z.string(), parameterSchema) });
export type AttackSpec = z.infer<typeof attackSpecSchema>;

/** By name. */
export type AttackParameters = AttackSpec['parameters'];

/** An attack of the catalogue. */
export interface AttackEntry {
  /** What it is called on the command line, with places for what a name may say: 'square-<queries>'. */
  readonly names: string;
  /** A name of it: its own where it has but one. */
  readonly example: string;
  /** What it does, as the example does it. */
  readonly title: string;
}

interface Definition<P extends AttackParameters> {
  readonly names: string;
  readonly example?: string;
  readonly pattern?: RegExp;
  readonly schema: z.ZodType<P>;
  /** Every parameter as published, for a radius and what the name says. */
  readonly defaults: (epsilon: number, parts: readonly string[]) => P;
  /** Parameters that the name says, beside the revision: with others it would be another attack. */
  readonly named?: readonly (keyof P & string)[];
  /** A short head for a column of a table. */
  readonly column: (parameters: P) => string;
  readonly title: (parameters: P) => string;
  readonly create: (parameters: P, name: string) => Attack | AttackSequence;
}

interface DefinedAttack extends AttackEntry {
  readonly pattern: RegExp;
  /** Every parameter: the defaults, and `overrides` in their place. */
  readonly resolve: (name: string, overrides: AttackParameters) => AttackParameters;
  /** What is made of parameters that are all there. */
  readonly use: (
    name: string,
    parameters: AttackParameters,
  ) => { readonly column: string; readonly title: string; readonly create: () => Attack | AttackSequence };
}

const define = <P extends AttackParameters>(definition: Definition<P>): DefinedAttack => {
  const { names, example = names, pattern = new RegExp(`^${names}$`), schema, defaults, named = [] } = definition;
  const partsOf = (name: string): string[] => pattern.exec(name)?.slice(1) ?? [];
  /** The parameters of a name, checked one by one. */
  const parse = (name: string, parameters: AttackParameters, published: P): P => {
    for (const key of Object.keys(parameters)) {
      if (Object.hasOwn(published, key)) continue;
      const known = Object.keys(published).filter((other) => other !== 'revision' && !named.includes(other));
      throw new UserError(
        `${name} has no parameter "${key}". ${known.length > 0 ? `It has ${known.join(', ')}.` : 'It has none.'}`,
      );
    }
    for (const key of named) {
      const given = parameters[key];
      if (given !== undefined && JSON.stringify(given) !== JSON.stringify(published[key])) {
        throw new UserError(
          `${name}: ${key} is ${JSON.stringify(given)}, but the name says ${JSON.stringify(published[key])}. Take the ` +
            'attack by the name that says so, or write one of your own.',
        );
      }
    }
    const parsed = schema.safeParse(parameters);
    if (!parsed.success) throw new UserError(`${name}: its parameters don't fit:\n${z.prettifyError(parsed.error)}`);
    return parsed.data;
  };
  /** What is described may be of a revision that was; what is run is of the one that is. */
  const checkRevision = (name: string, { revision: given }: AttackParameters, published: P): void => {
    if (given === published['revision']) return;
    throw new UserError(
      `${name} of revision ${String(given)} is asked for, but this is revision ${String(published['revision'])}: ` +
        'the code has changed, and finds something else. Measure again.',
    );
  };
  const radiusOf = ({ epsilon }: AttackParameters): number => (typeof epsilon === 'number' ? epsilon : defaultEpsilon);
  return {
    names,
    example,
    title: definition.title(defaults(defaultEpsilon, partsOf(example))),
    pattern,
    resolve(name, overrides) {
      const published = defaults(radiusOf(overrides), partsOf(name));
      const resolved = parse(name, { ...published, ...overrides }, published);
      checkRevision(name, resolved, published);
      // What parameters say together (stages that there are, whole numbers of steps) is known where the attack is made.
      if (name !== cleanName) definition.create(resolved, name);
      return resolved;
    },
    use(name, parameters) {
      const published = defaults(radiusOf(parameters), partsOf(name));
      const parsed = parse(name, parameters, published);
      return {
        column: definition.column(parsed),
        title: definition.title(parsed),
        create() {
          checkRevision(name, parsed, published);
          return definition.create(parsed, name);
        },
      };
    },
  };
};

const cleanName = 'clean';
const revision = z.number().int();
const epsilon = z.number().gt(0).lt(1);
const whole = z.number().int().min(1);

const signSteps = {
  revision,
  epsilon,
  stepSize: z.number().gt(0),
  steps: whole,
  start: z.enum(starts),
  clampEachStep: z.boolean(),
};
const crossEntropySteps = z.strictObject({ ...signSteps, loss: z.literal('cross-entropy') });
const carliniWagnerSteps = z.strictObject({
  ...signSteps,
  loss: z.literal('carlini-wagner'),
  confidence: z.number().min(0),
});
type CrossEntropySteps = z.infer<typeof crossEntropySteps>;
type CarliniWagnerSteps = z.infer<typeof carliniWagnerSteps>;

const crossEntropyDefaults =
  (published: (epsilon: number) => SignSteps) =>
  (radius: number): CrossEntropySteps => ({
    revision: pgdRevision,
    epsilon: radius,
    loss: 'cross-entropy',
    ...published(radius),
  });
const carliniWagnerDefaults = (radius: number): CarliniWagnerSteps => ({
  revision: pgdRevision,
  epsilon: radius,
  loss: 'carlini-wagner',
  confidence: cwConfidence,
  ...cwLinfSteps(radius),
});

const createPgd = (parameters: CrossEntropySteps, name: string): Attack =>
  pgd({ ...parameters, name, loss: crossEntropyLoss });
const createCw = (parameters: CarliniWagnerSteps, name: string): Attack =>
  pgd({ ...parameters, name, loss: carliniWagnerLoss(parameters.confidence) });

/** Made on the surrogate, tried on the network that is evaluated. */
const transferred = (attack: Attack): Attack => ({ ...attack, transfers: true });

const startText = { clean: 'the image', uniform: 'a uniform start', gaussian: 'a Gaussian start' } as const;
const stepsText = ({ steps, stepSize, start }: CrossEntropySteps | CarliniWagnerSteps): string =>
  `${steps} ${steps === 1 ? 'step' : 'steps'} of ${radiusText(stepSize)} by the sign of the gradient, from ${startText[start]}`;
const cwText = (parameters: CarliniWagnerSteps): string => `${stepsText(parameters)}, on the loss of Carlini & Wagner`;
const transferText = 'made on another network (--surrogate)';

const apgdSchema = z.strictObject({ revision, epsilon, iterations: whole, restarts: whole, evaluations: whole });
const apgdDefaults = (radius: number): z.infer<typeof apgdSchema> => ({
  revision: apgdRevision,
  epsilon: radius,
  iterations: 100,
  restarts: 1,
  evaluations: 1,
});
const fabSchema = z.strictObject({
  revision,
  epsilon,
  iterations: whole,
  restarts: whole,
  alphaMax: z.number().gt(0).max(1),
  overshoot: z.number().min(1),
  backStep: z.number().gt(0).max(1),
});
const fabDefaults = (radius: number): z.infer<typeof fabSchema> => ({
  revision: fabRevision,
  epsilon: radius,
  iterations: 100,
  restarts: 1,
  alphaMax: 0.1,
  overshoot: 1.05,
  backStep: 0.9,
});
const squareSchema = z.strictObject({
  revision,
  epsilon,
  queries: whole,
  share: z.number().gt(0).max(1),
  restarts: whole,
});
const squareDefaults = (radius: number, queries: number): z.infer<typeof squareSchema> => ({
  revision: squareRevision,
  epsilon: radius,
  queries,
  share: 0.8,
  restarts: 1,
});
const squareText = ({ queries }: z.infer<typeof squareSchema>): string =>
  `Square, ${queries} queries, without any gradient`;

const publishedIterations = 100;
const publishedQueries = 5000;
const publishedTargets = 9;

const autoAttackSchema = z.strictObject({
  revision,
  version: z.enum(['standard', 'plus', 'rand', 'custom']),
  stages: z.array(z.string()).min(1),
  epsilon,
  iterations: whole,
  queries: whole,
  targets: whole,
  restarts: whole,
  evaluations: whole,
});
type AutoAttackParameters = z.infer<typeof autoAttackSchema>;

const defineAutoAttack = (
  version: AutoAttackVersion,
  head: (parameters: AutoAttackParameters) => string,
  names: string,
  custom: { readonly example?: string; readonly pattern?: RegExp } = {},
): DefinedAttack =>
  define({
    names,
    ...custom,
    schema: autoAttackSchema,
    named: ['version', 'stages', 'restarts', 'evaluations'],
    defaults(radius, [stages]) {
      const settings = versionSettings(version, version === 'custom' ? stages?.split('+') : undefined);
      return {
        revision: autoAttackRevision(settings.stages),
        version,
        ...settings,
        stages: [...settings.stages],
        epsilon: radius,
        iterations: publishedIterations,
        queries: publishedQueries,
        targets: publishedTargets,
      };
    },
    column(parameters) {
      const { iterations, queries, targets } = parameters;
      const isShort = iterations < publishedIterations || queries < publishedQueries || targets < publishedTargets;
      return `${head(parameters)}${isShort ? ', short' : ''}`;
    },
    title: ({ stages, iterations, queries, targets, restarts, evaluations }) =>
      `AutoAttack: ${stages.join(', ')}; ${iterations} iterations, ${targets} targets, ${queries} queries` +
      `${restarts > 1 ? `, ${restarts} restarts` : ''}${evaluations > 1 ? `, gradients of ${evaluations} evaluations` : ''}`,
    create: ({ version: kind, stages, epsilon: radius, iterations, queries, targets }) =>
      autoAttack({
        version: kind,
        ...(kind === 'custom' ? { stages } : {}),
        epsilon: radius,
        iterations,
        queries,
        targets,
      }),
  });

/** In the order of a table's columns. Add an attack here; nothing else has to know of it. */
const definitions: readonly DefinedAttack[] = [
  define({
    names: cleanName,
    schema: z.strictObject({ revision }),
    defaults: () => ({ revision: 1 }),
    column: () => 'Clean',
    title: () => 'no attack: the images as they are',
    create() {
      throw new UserError('clean is no attack: it is what a network makes of the images as they are.');
    },
  }),
  define({
    names: 'fgsm',
    schema: crossEntropySteps,
    named: ['loss', 'steps', 'start'],
    defaults: crossEntropyDefaults(fgsmSteps),
    column: () => 'FGSM',
    title: stepsText,
    create: createPgd,
  }),
  define({
    names: 'pgd-sat',
    schema: crossEntropySteps,
    named: ['loss'],
    defaults: crossEntropyDefaults(pgdSatSteps),
    column: ({ steps }) => `PGD-${steps} (sat)`,
    title: stepsText,
    create: createPgd,
  }),
  define({
    names: 'pgd-trades',
    schema: crossEntropySteps,
    named: ['loss'],
    defaults: crossEntropyDefaults(pgdTradesSteps),
    column: ({ steps }) => `PGD-${steps} (trades)`,
    title: stepsText,
    create: createPgd,
  }),
  define({
    names: 'cw',
    schema: carliniWagnerSteps,
    named: ['loss'],
    defaults: carliniWagnerDefaults,
    column: ({ steps }) => `CW∞-${steps}`,
    title: cwText,
    create: createCw,
  }),
  define({
    names: 'bb-pgd-trades',
    schema: crossEntropySteps,
    named: ['loss'],
    defaults: crossEntropyDefaults(pgdTradesSteps),
    column: () => 'Black-box PGD',
    title: (parameters) => `${stepsText(parameters)}, ${transferText}`,
    create: (parameters, name) => transferred(createPgd(parameters, name)),
  }),
  define({
    names: 'bb-cw',
    schema: carliniWagnerSteps,
    named: ['loss'],
    defaults: carliniWagnerDefaults,
    column: () => 'Black-box CW',
    title: (parameters) => `${cwText(parameters)}, ${transferText}`,
    create: (parameters, name) => transferred(createCw(parameters, name)),
  }),
  define({
    names: 'square-<queries>',
    example: 'square-100',
    pattern: /^square-([1-9]\d{0,6})$/,
    schema: squareSchema,
    named: ['queries'],
    defaults: (radius, [queries]) => squareDefaults(radius, Number(queries)),
    column: ({ queries }) => `Square-${queries}`,
    title: squareText,
    create: (parameters, name) => square({ ...parameters, name }),
  }),
  defineAutoAttack('standard', () => 'AutoAttack', 'autoattack'),
  defineAutoAttack('plus', () => 'AutoAttack+', 'autoattack-plus'),
  defineAutoAttack('rand', () => 'AutoAttack (rand)', 'autoattack-rand'),
  defineAutoAttack(
    'custom',
    ({ stages }) => `AutoAttack (${stages.join(', ')})`,
    'autoattack-custom:<stage>+<stage>…',
    {
      example: 'autoattack-custom:apgd-ce+square',
      pattern: /^autoattack-custom:([a-z+-]+)$/,
    },
  ),
  define({
    names: 'apgd-ce',
    schema: apgdSchema,
    defaults: apgdDefaults,
    column: () => 'APGD-CE',
    title: ({ iterations }) => `Auto-PGD on cross-entropy, ${iterations} iterations`,
    create: (parameters) => apgdCe(parameters),
  }),
  define({
    names: 'apgd-dlr',
    schema: apgdSchema,
    defaults: apgdDefaults,
    column: () => 'APGD-DLR',
    title: ({ iterations }) => `Auto-PGD on the DLR loss, ${iterations} iterations`,
    create: (parameters) => apgdDlr(parameters),
  }),
  define({
    names: 'apgd-t',
    schema: apgdSchema.extend({ targets: whole }),
    defaults: (radius) => ({ ...apgdDefaults(radius), targets: publishedTargets }),
    column: () => 'APGD-T',
    title: ({ iterations, targets }) =>
      `Auto-PGD on the targeted DLR loss, ${targets} classes, ${iterations} iterations each`,
    create: (parameters) => apgdTargeted(parameters),
  }),
  define({
    names: 'fab',
    schema: fabSchema,
    defaults: fabDefaults,
    column: () => 'FAB',
    title: ({ iterations }) => `fast adaptive boundary attack, ${iterations} iterations`,
    create: (parameters) => fab(parameters),
  }),
  define({
    names: 'fab-t',
    schema: fabSchema.extend({ targets: whole }),
    defaults: (radius) => ({ ...fabDefaults(radius), targets: publishedTargets }),
    column: () => 'FAB-T',
    title: ({ iterations, targets }) =>
      `fast adaptive boundary attack towards ${targets} classes, ${iterations} iterations each`,
    create: (parameters) => fabTargeted(parameters),
  }),
  define({
    names: 'square',
    schema: squareSchema,
    defaults: (radius) => squareDefaults(radius, publishedQueries),
    column: ({ queries }) => (queries === publishedQueries ? 'Square' : `Square-${queries}`),
    title: squareText,
    create: (parameters, name) => square({ ...parameters, name }),
  }),
];

/** Every attack, in the order of a table's columns. */
export const attackEntries: readonly AttackEntry[] = definitions;

const definitionOf = (name: string): DefinedAttack | undefined => definitions.find(({ pattern }) => pattern.test(name));

const requireDefinition = (name: string): DefinedAttack => {
  const definition = definitionOf(name);
  if (definition) return definition;
  throw new UserError(`there is no attack "${name}". Known are ${attackEntries.map(({ names }) => names).join(', ')}.`);
};

/**
 * The attack of that name as plain data, with every parameter. What `overrides` does not name is as published, for its
 * `epsilon` (default 8/255): steps are in proportion to it.
 * @throws UserError where there is no such attack or parameter, or a value does not fit
 */
export const resolveAttack = (name: string, overrides: AttackParameters = {}): AttackSpec => ({
  name,
  parameters: requireDefinition(name).resolve(name, overrides),
});

/**
 * The attack of a specification, which must name every parameter.
 * @throws UserError where it does not fit, or is of another revision of the code
 */
export const createAttack = (spec: AttackSpec): Attack | AttackSequence => {
  const { name, parameters } = spec;
  const attack = requireDefinition(name).use(name, parameters).create();
  const key = JSON.stringify(spec);
  return 'stages' in attack
    ? { ...attack, stages: attack.stages.map((stage) => ({ ...stage, key: `${key} ${stage.name}` })) }
    : { ...attack, key };
};

/** How an attack is headed in a table; one that the catalogue doesn't know goes by its name. */
export const attackColumn = (attack: string | AttackSpec): string => described(attack)?.column ?? nameOf(attack);

/** What an attack does, in a sentence's part. */
export const attackTitle = (attack: string | AttackSpec): string => described(attack)?.title ?? nameOf(attack);

const nameOf = (attack: string | AttackSpec): string => (typeof attack === 'string' ? attack : attack.name);

const described = (attack: string | AttackSpec): { readonly column: string; readonly title: string } | undefined => {
  const definition = definitionOf(nameOf(attack));
  if (!definition) return undefined;
  const { name, parameters } = typeof attack === 'string' ? resolveAttack(attack) : attack;
  return definition.use(name, parameters);
};

/** Names in the order of a table's columns, each once; those that the catalogue doesn't know come last. */
export const inColumnOrder = (names: Iterable<string>): string[] => {
  const place = (name: string): number => {
    const index = definitions.findIndex(({ pattern }) => pattern.test(name));
    return index < 0 ? definitions.length : index;
  };
  return [...new Set(names)].sort((a, b) => place(a) - place(b));
};
