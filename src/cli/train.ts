import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { messageOf, UserError } from '../errors.js';
import type { WeightedNetwork } from '../models/network.js';

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
  readonly seed: number;
  readonly width: number;
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
    .option('--width <factor>', 'multiplies every number of channels', positiveNumber, 1)
    .option('--epochs <n>', 'epochs; the schedules stretch to them', positiveWhole)
    .option('--batch <n>', 'images a batch', positiveWhole)
    .option('--train-images <n>', 'train on so many images, balanced by class', positiveWhole)
    .option('--validation-images <n>', 'hold out so many images of the training set to select by', whole)
    .option('--attack-steps <n>', 'steps of the inner maximisation; its step size stretches to them', positiveWhole)
    .option('--clean-teacher <file>', 'checkpoint of the clean teacher')
    .option('--robust-teacher <file>', 'checkpoint of the robust teacher')
    .option('--init <file>', "checkpoint of the student's first weights")
    .option('--json', 'print the result as JSON')
    .action(async (flags: Flags) => {
      await import('../engine/backend.js');
      const [{ loadNetwork }, datasets, splits, { findMethod }, { createNetwork }, { resolveRecipe }, training] =
        await Promise.all([
          import('../checkpoints/checkpoint.js'),
          import('../data/datasets.js'),
          import('../data/splits.js'),
          import('../methods/catalogue.js'),
          import('../models/network.js'),
          import('../methods/recipe.js'),
          import('../training/train.js'),
        ]);
      const { terminalProgress } = await import('../progress.js');
      const yaml = await import('yaml');

      const method = findMethod(flags.method);
      let changes: unknown = {};
      if (flags.recipe !== undefined) {
        const file = flags.recipe;
        const content = await readFile(file, 'utf8').catch((error: unknown) => {
          throw new UserError(`--recipe ${file}: it can't be read (${messageOf(error)}).`);
        });
        try {
          changes = yaml.parse(content);
        } catch (error) {
          throw new UserError(`--recipe ${file}: it is neither JSON nor YAML (${messageOf(error)}).`);
        }
      }
      const given = resolveRecipe(method, changes, `--recipe ${flags.recipe ?? ''}`);
      const recipe = resolveRecipe(
        { ...method, recipe: given },
        {
          ...(flags.epochs === undefined ? {} : { epochs: flags.epochs }),
          ...(flags.batch === undefined ? {} : { batchSize: flags.batch }),
          ...(flags.validationImages === undefined ? {} : { validation: { images: flags.validationImages } }),
          ...(flags.attackSteps === undefined
            ? {}
            : {
                attack: {
                  steps: flags.attackSteps,
                  // As far in all as before.
                  stepSize: (given.attack.stepSize * given.attack.steps) / flags.attackSteps,
                },
              }),
        },
      );

      const load = async (file: string | undefined): Promise<WeightedNetwork | undefined> =>
        file === undefined ? undefined : loadNetwork(file);
      const cleanTeacher = await load(flags.cleanTeacher);
      const robustTeacher = await load(flags.robustTeacher);
      const start = await load(flags.init);
      const set = await datasets.loadPart(datasets.parseDatasetName(flags.data), 'train');
      const student =
        start?.network ??
        createNetwork(flags.arch, { classes: set.classes.length, width: flags.width, imageSize: set.height });
      if (start && start.network.architecture !== createNetwork(flags.arch).architecture) {
        throw new UserError(
          `--init ${flags.init!} holds a ${start.network.architecture}, but --arch asks for ${flags.arch}.`,
        );
      }
      const seed = flags.seed;
      const held = splits.holdOut(set, recipe.validation.images, seed);
      const chosen =
        flags.trainImages === undefined ? held.train : splits.takeBalanced(held.train, set, flags.trainImages, seed);

      const run = await training.train({
        method,
        recipe,
        student,
        ...(start ? { studentWeights: start.weights } : {}),
        cleanTeacher,
        robustTeacher,
        set,
        train: chosen,
        validation: held.validation,
        seed,
        out: flags.out,
        progress: terminalProgress(),
      });
      if (flags.json) {
        process.stdout.write(`${JSON.stringify(run, null, 2)}\n`);
      } else {
        const { history, best, lastFile, bestFile } = run;
        const chosenRow = history[best.epoch - 1];
        process.stdout.write(
          `${method.title}: ${history.length} epochs on ${chosen.length} images.\n` +
            (chosenRow?.validation
              ? `Best epoch ${best.epoch}: on ${held.validation.length} held-out images clean ` +
                `${(100 * chosenRow.validation.clean).toFixed(2)} %, PGD-${recipe.validation.steps} ` +
                `${(100 * chosenRow.validation.robust).toFixed(2)} %.\n`
              : '') +
            `${bestFile}\n${lastFile}\n`,
        );
      }
    });
};
