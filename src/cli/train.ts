import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import type { CheckpointInfo } from '../checkpoints/checkpoint.js';
import type { Precision } from '../engine/precision.js';
import { messageOf, UserError } from '../errors.js';
import type { Method } from '../methods/method.js';
import type { Recipe } from '../methods/recipe.js';
import type { Network, WeightedNetwork } from '../models/network.js';
import { percent } from '../percent.js';
import type { TrainingRun } from '../training/train.js';
import { precisionOption } from './cell.js';

const whole = (value: string): number => {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('a whole number from 0 is wanted.');
  return number;
};
const positiveWhole = (value: string): number => {
  const number = whole(value);
  if (number === 0) throw new InvalidArgumentError('a whole number from 1 is wanted.');
  return number;
};
const positiveNumber = (value: string): number => {
  const number = Number(value);
  if (!(number > 0) || !Number.isFinite(number)) throw new InvalidArgumentError('a positive number is wanted.');
  return number;
};

interface Flags {
  readonly method: string;
  readonly arch: string;
  readonly data: string;
  readonly out: string;
  readonly recipe?: string;
  readonly precision?: Precision;
  readonly seed: number;
  readonly width?: number;
  readonly saveEvery: number;
  readonly epochs?: number;
  readonly batch?: number;
  readonly trainImages?: number;
  readonly validationImages?: number;
  readonly attackSteps?: number;
  readonly cleanTeacher?: string;
  readonly robustTeacher?: string;
  readonly init?: string;
  readonly json?: boolean;
}

/** @throws UserError where a flag is given that the method makes no use of */
const checkFlags = (method: Method, flags: Flags): void => {
  for (const [flag, given, used] of [
    ['--clean-teacher', flags.cleanTeacher, method.teachers.clean],
    ['--robust-teacher', flags.robustTeacher, method.teachers.robust],
    ['--attack-steps', flags.attackSteps, method.ascend],
  ] as const) {
    if (given !== undefined && used === undefined) {
      const what =
        flag === '--attack-steps' ? 'attacks no images while it trains' : `has no ${flag.slice(2).replace('-', ' ')}`;
      throw new UserError(`${flag} means nothing to ${method.name}, which ${what}: leave it out.`);
    }
  }
};

const readChanges = async (file: string | undefined): Promise<unknown> => {
  if (file === undefined) return {};
  const yaml = await import('yaml');
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UserError(`--recipe ${file}: it can't be read (${messageOf(error)}).`);
  });
  try {
    return yaml.parse(content);
  } catch (error) {
    throw new UserError(`--recipe ${file}: it is neither JSON nor YAML (${messageOf(error)}).`);
  }
};

/** The method's published recipe, with the changes of the file and then those of the flags. */
const recipeOf = async (method: Method, flags: Flags): Promise<Recipe> => {
  const { resolveRecipe } = await import('../methods/recipe.js');
  const { attackSteps } = flags;
  const recipe = resolveRecipe(method, await readChanges(flags.recipe), `--recipe ${flags.recipe ?? ''}`);
  return resolveRecipe(
    { ...method, recipe },
    {
      ...(flags.epochs === undefined ? {} : { epochs: flags.epochs }),
      ...(flags.batch === undefined ? {} : { batchSize: flags.batch }),
      ...(flags.precision === undefined ? {} : { precision: flags.precision }),
      ...(flags.validationImages === undefined ? {} : { validation: { images: flags.validationImages } }),
      ...(attackSteps === undefined
        ? {}
        : // As far in all as before.
          { attack: { steps: attackSteps, stepSize: (recipe.attack.stepSize * recipe.attack.steps) / attackSteps } }),
    },
  );
};

type LoadedNetwork = WeightedNetwork & { readonly info: CheckpointInfo };

/** The student: that of `--init`, which the other flags must not contradict, or a new one. */
const studentOf = async (
  flags: Flags,
  start: LoadedNetwork | undefined,
  set: { readonly classes: readonly string[]; readonly height: number },
): Promise<Network> => {
  const { createNetwork } = await import('../models/network.js');
  const asked = createNetwork(flags.arch, {
    classes: set.classes.length,
    imageSize: set.height,
    ...(flags.width === undefined ? {} : { width: flags.width }),
  });
  if (!start) return asked;
  const { architecture, width } = start.network;
  if (architecture !== asked.architecture) {
    throw new UserError(`--init ${flags.init!} holds a ${architecture}, but --arch asks for ${flags.arch}.`);
  }
  if (flags.width !== undefined && flags.width !== width) {
    throw new UserError(
      `--init ${flags.init!} holds a ${architecture} of width ${width}, but --width asks for ${flags.width}: leave --width out.`,
    );
  }
  return start.network;
};

const warn = (message: string): void => {
  process.stderr.write(`warning: ${message}\n`);
};

/** Warns of a network that was trained on other images than those that it is to teach, or to go on, with. */
const warnOfOtherData = (flag: string, file: string, { info }: LoadedNetwork, name: string): void => {
  if (info.dataset === undefined || info.dataset === name) return;
  warn(`${flag} ${file} was trained on ${info.dataset}, and is used here on ${name}.`);
};

const summaryOf = (
  method: Method,
  recipe: Recipe,
  { history, best, bestFile, lastFile, identity }: TrainingRun,
): string => {
  const { trainImages, validationImages } = identity.data;
  const chosen = history[best.epoch - 1]?.validation;
  return (
    `${method.title}: ${history.length} epochs on ${trainImages} images.\n` +
    (chosen
      ? `Best epoch ${best.epoch}: on ${validationImages} held-out images clean ${percent(chosen.clean)} %, ` +
        `PGD-${recipe.validation.steps} ${percent(chosen.robust)} %.\n`
      : '') +
    `${bestFile}\n${lastFile}\n`
  );
};

/** `ciard train`: trains a student by any method. */
export const add = (program: Command): void => {
  program
    .command('train')
    .description('train a network: a teacher, or a student by any method')
    .requiredOption('--method <name>', 'the method ("ciard methods" lists them)')
    .requiredOption('--arch <name>', 'the network ("ciard models" lists them)')
    .requiredOption('--data <name>', 'the data set ("ciard data list" lists them)')
    .requiredOption('--out <folder>', 'the folder of the run; the same command goes on with what it holds')
    .option('--recipe <file>', "JSON or YAML of what is to differ from the method's published recipe")
    .option('--seed <n>', 'seed of everything that is drawn', whole, 0)
    .option('--width <factor>', 'multiplies every number of channels (default: 1, or that of --init)', positiveNumber)
    .option('--epochs <n>', 'epochs; the published run is made so long', positiveWhole)
    .option('--batch <n>', 'images a batch', positiveWhole)
    .option('--train-images <n>', 'train on so many images, balanced by class', positiveWhole)
    .option('--validation-images <n>', 'hold out so many images of the training set to select by', whole)
    .option('--attack-steps <n>', 'steps of the inner maximisation; its step size stretches to them', positiveWhole)
    .addOption(precisionOption().default(undefined))
    .option('--clean-teacher <file>', 'checkpoint of the clean teacher')
    .option('--robust-teacher <file>', 'checkpoint of the robust teacher')
    .option('--init <file>', "checkpoint of the student's first weights")
    .option('--save-every <seconds>', 'save within epochs too, after so many seconds', positiveNumber, 60)
    .option('--json', 'print the result as JSON, to standard output')
    .action(async (flags: Flags) => {
      const [{ findMethod }, { checkFolderWritable }] = await Promise.all([
        import('../methods/catalogue.js'),
        import('../atomic-write.js'),
      ]);
      const method = findMethod(flags.method);
      checkFlags(method, flags);
      const recipe = await recipeOf(method, flags);
      await checkFolderWritable(flags.out);

      await import('../engine/backend.js');
      const [{ loadNetwork }, datasets, splits, { train }, { terminalProgress }] = await Promise.all([
        import('../checkpoints/checkpoint.js'),
        import('../data/datasets.js'),
        import('../data/splits.js'),
        import('../training/train.js'),
        import('../progress.js'),
      ]);
      const name = datasets.parseDatasetName(flags.data);
      const load = async (flag: string, file: string | undefined): Promise<LoadedNetwork | undefined> => {
        if (file === undefined) return undefined;
        const loaded = await loadNetwork(file);
        warnOfOtherData(flag, file, loaded, name);
        return loaded;
      };
      const cleanTeacher = await load('--clean-teacher', flags.cleanTeacher);
      const robustTeacher = await load('--robust-teacher', flags.robustTeacher);
      const start = await load('--init', flags.init);
      const set = await datasets.loadPart(name, 'train');
      const student = await studentOf(flags, start, set);
      const { seed, trainImages } = flags;
      const held = splits.holdOut(set, recipe.validation.images, seed);

      const run = await train({
        method,
        recipe,
        student,
        ...(start ? { studentWeights: start.weights } : {}),
        cleanTeacher,
        robustTeacher,
        set,
        train: trainImages === undefined ? held.train : splits.takeBalanced(held.train, set, trainImages, seed),
        validation: held.validation,
        seed,
        out: flags.out,
        saveSeconds: flags.saveEvery,
        progress: terminalProgress(),
        onWarning: warn,
      });
      process.stdout.write(flags.json ? `${JSON.stringify(run, null, 2)}\n` : summaryOf(method, recipe, run));
    });
};
