import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { attackSpecSchema, resolveAttack } from '../attacks/catalogue.js';
import { datasetNames } from '../data/names.js';
import { precisions } from '../engine/precision.js';
import { messageOf, UserError } from '../errors.js';
import { findMethod } from '../methods/catalogue.js';
import { recipeSchema, resolveRecipe } from '../methods/recipe.js';
import { strict } from '../methods/strict.js';
import {
  cellIdSchema,
  networkSpecSchema,
  trainingRevision,
  type CellId,
  type EvaluateCell,
  type TrainCell,
} from '../results/cell.js';
import { gridColumns } from './grid.js';
import { scaleNames } from './scale-names.js';

const count = z.int().min(0);
const md5 = z.string().regex(/^[0-9a-f]{32}$/);

/**
 * What a `params.yaml` holds: every setting of the trainings and evaluations of one table at one scale, each written once.
 * A stage reads its settings here, not in the grid that they were written from.
 */
export const pipelineSettingsSchema = strict({
  table: strict({
    name: z.string(),
    title: z.string(),
    question: z.string(),
    columns: z.enum(gridColumns),
    scale: z.enum(scaleNames),
    /** Of the trainings; float32 where it is not said. */
    precision: z.enum(precisions).optional(),
    /** How many evaluations of the table were not there when the file was written; none where it is not said. */
    missing: z.int().min(1).optional(),
  }),
  data: strict({
    name: z.enum(datasetNames),
    train: strict({ md5, images: count.nullable() }),
    test: strict({ md5 }),
  }),
  /** By the attack's name: on how many test images (null for all), and every parameter. */
  attacks: z.record(z.string(), strict({ images: count.nullable(), parameters: attackSpecSchema.shape.parameters })),
  /** What the replicates of a row share. */
  trainings: z.record(
    z.string(),
    strict({ revision: z.int(), method: z.string(), network: networkSpecSchema, recipe: recipeSchema }),
  ),
  /** A training in one replicate. Teachers are folders of networks, here or of another table. */
  networks: z.record(
    z.string(),
    strict({ training: z.string(), seed: count, cleanTeacher: z.string(), robustTeacher: z.string() }),
  ),
  /** A network under attacks: those named, or all. `network` and `surrogate` are folders, as teachers are. */
  evaluations: z.record(
    z.string(),
    strict({
      network: z.string(),
      of: z.enum(['student', 'robust teacher']),
      surrogate: z.string(),
      seed: count,
      attacks: z.array(z.string()).min(1).optional(),
    }),
  ),
  /** The rows of the table: which evaluations are their replicates. */
  rows: z.record(
    z.string(),
    strict({
      student: z.string(),
      method: z.string(),
      title: z.string(),
      published: z.string().nullable(),
      evaluations: z.array(z.string()),
    }),
  ),
});
export type PipelineSettings = z.infer<typeof pipelineSettingsSchema>;

/** Stands where there is no teacher or no surrogate: stages of one kind depend on as many files each. */
export const noNetwork = 'networks/none';

/** @throws UserError where the file is missing or does not fit */
export const readPipelineSettings = async (file: string): Promise<PipelineSettings> => {
  let content: unknown;
  try {
    content = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file} can't be read (${messageOf(error)}). "npx ciard pipeline write" writes it.`);
  }
  const parsed = pipelineSettingsSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new UserError(`${file}: it does not fit:\n${z.prettifyError(parsed.error)}`);
};

/** An entry of a section, by name. @throws UserError that names those there are */
export const entryOf = <T>(section: Readonly<Record<string, T>>, name: string, what: string): T => {
  const entry = section[name];
  if (entry !== undefined) return entry;
  throw new UserError(`there is no ${what} "${name}". There are ${Object.keys(section).join(', ') || 'none'}.`);
};

/** What lies in the folder of a network beside its weights: which training it is of, and SHA-256 sums. */
const networkFileSchema = strict({
  training: cellIdSchema,
  student: z.string(),
  robustTeacher: z.string().nullable(),
});
export type NetworkFile = z.infer<typeof networkFileSchema>;

/** @throws UserError where the network is not trained yet, or the file is none */
export const readNetworkFile = async (folder: string): Promise<NetworkFile> => {
  const file = join(folder, 'network.json');
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UserError(`${file} is missing: the network has to be trained first ("dvc repro" does).`);
  });
  try {
    return networkFileSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      `${file}: it does not say which training it is of (${messageOf(error)}). Remove it and train again.`,
    );
  }
};

/** The training of a network folder; null for `noNetwork`. */
const trainingOf = async (folder: string, network: string): Promise<CellId | null> =>
  network === noNetwork ? null : (await readNetworkFile(join(folder, network))).training;

/** The training of a network, as `params.yaml` in `folder` has it. @throws UserError where a setting is unknown */
export const trainCellOf = async (settings: PipelineSettings, folder: string, name: string): Promise<TrainCell> => {
  const network = entryOf(settings.networks, name, 'network');
  const training = entryOf(settings.trainings, network.training, 'training');
  const where = `${join(folder, 'params.yaml')}, trainings.${network.training}`;
  if (training.revision !== trainingRevision) {
    throw new UserError(
      `${where}: it is of revision ${training.revision} of the training code, but this is ${trainingRevision}: ` +
        'write the settings anew ("npx ciard pipeline write").',
    );
  }
  return {
    kind: 'train',
    revision: training.revision,
    method: training.method,
    network: training.network,
    data: { name: settings.data.name, ...settings.data.train },
    recipe: resolveRecipe(findMethod(training.method), training.recipe, where),
    seed: network.seed,
    teachers: {
      clean: await trainingOf(folder, network.cleanTeacher),
      robust: await trainingOf(folder, network.robustTeacher),
    },
  };
};

/**
 * The evaluations of a network by the attack's name, as `params.yaml` in `folder` has them.
 * @throws UserError where one is under an attack that there is none of
 */
export const evaluateCellsOf = async (
  settings: PipelineSettings,
  folder: string,
  name: string,
): Promise<Record<string, EvaluateCell>> => {
  const { network, of, surrogate, seed, attacks } = entryOf(settings.evaluations, name, 'evaluation');
  const { training: model } = await readNetworkFile(join(folder, network));
  const surrogateModel = await trainingOf(folder, surrogate);
  return Object.fromEntries(
    (attacks ?? Object.keys(settings.attacks)).map((attack) => {
      const { images, parameters } = entryOf(settings.attacks, attack, 'attack');
      const cell = {
        kind: 'evaluate',
        model,
        of,
        attack: resolveAttack(attack, parameters),
        surrogate: attack.startsWith('bb-') ? surrogateModel : null,
        data: { name: settings.data.name, md5: settings.data.test.md5, images },
        seed,
      } satisfies EvaluateCell;
      return [attack, cell];
    }),
  );
};
